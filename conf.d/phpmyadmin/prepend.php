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

// For export and import. All are of mbstring: iconv's Shift_JIS has a yen sign
// where SQL has its backslash, so that what it wrote cannot be read again.
// SJIS-win and eucJP-win have what Windows adds (circled numbers and so on).
const OMAKASE_CHARSETS = [
    'utf-8', 'SJIS-win', 'eucJP-win', 'SHIFT_JIS', 'euc-jp', 'iso-2022-jp',
    'iso-8859-1', 'iso-8859-2', 'iso-8859-15', 'windows-1251', 'windows-1252',
    'koi8-r', 'big5', 'gb2312', 'GB18030', 'euc-kr',
];

if (isset($_FILES['import_file'])) {
    require __DIR__ . '/recode.php';
}
