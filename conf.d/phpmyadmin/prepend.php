<?php
// Before each script of phpMyAdmin's (auto_prepend_file): our configuration in
// place of the machine's.
//
// phpMyAdmin takes paths from libraries/vendor_config.php, which Debian has set
// to /etc/phpmyadmin, as constants. A constant that is there already stays, and
// PHP warns of the second define(): that warning alone is dropped here, until
// phpMyAdmin sets its own handler. The machine's /etc/phpmyadmin is neither read
// nor, for open_basedir (pool.conf), readable.
declare(strict_types=1);

define('CONFIG_FILE', __DIR__ . '/config.inc.php');
define('TEMP_DIR', $_SERVER['OMAKASE_PMA_DIR'] . '/tmp/');

set_error_handler(
    static fn (int $level, string $text): bool =>
        preg_match('/\AConstant (CONFIG_FILE|TEMP_DIR) already defined\z/', $text) === 1,
    E_WARNING
);
