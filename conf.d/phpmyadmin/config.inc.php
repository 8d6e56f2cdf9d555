<?php
// phpMyAdmin of an Omakase server. Customers come with their MySQL user and
// password, asked for by the browser's own dialog, and see their databases.
//
// What differs from node to node comes from the pool (pool.conf):
//   OMAKASE_PMA_DIR     its directory, as phpmyadmin-init makes it
//   OMAKASE_PMA_SOCKET  MariaDB's
//   OMAKASE_PMA_TIME    seconds that an import or export may take
declare(strict_types=1);

$cfg['blowfish_secret'] = require $_SERVER['OMAKASE_PMA_DIR'] . '/secret.php';

$cfg['Servers'][1] = [
    'auth_type' => 'http',
    'auth_http_realm' => 'phpMyAdmin',
    'host' => 'localhost',
    'socket' => $_SERVER['OMAKASE_PMA_SOCKET'],
    'AllowRoot' => false,
    'AllowNoPassword' => false,
    // MariaDB's administrators come in by the socket without a password, as the
    // OS user that they are: here that would be whom this runs as.
    'AllowDeny' => [
        'order' => 'deny,allow',
        'rules' => [
            'deny root from all',
            'deny mysql from all',
            'deny ' . posix_getpwuid(posix_geteuid())['name'] . ' from all',
        ],
    ],
    'hide_db' => '^(information_schema|performance_schema|mysql|sys)$',
    // No storage of its own in MariaDB, and no user for it.
    'controluser' => '',
    'controlpass' => '',
    'pmadb' => '',
];
$cfg['AllowArbitraryServer'] = false;
$cfg['AllowUserDropDatabase'] = false;
$cfg['ShowCreateDb'] = false;

// Nothing is read from or left in the server's own directories.
$cfg['UploadDir'] = '';
$cfg['SaveDir'] = '';

$cfg['ExecTimeLimit'] = (int) $_SERVER['OMAKASE_PMA_TIME'];
$cfg['MemoryLimit'] = '-1'; // the pool's

// Refused logins go to the error log of the site that was asked.
$cfg['AuthLog'] = 'php';

$cfg['ShowPhpInfo'] = false;
$cfg['VersionCheck'] = false;
$cfg['SendErrorReports'] = 'never';
$cfg['PmaNoRelation_DisableWarning'] = true;
