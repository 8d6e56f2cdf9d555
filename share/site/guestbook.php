<?php
// The guest book: PHP and the customer's own MySQL database, by way of mysqli.
// The password stands in config.php beside it.
declare(strict_types=1);

const SHOWN = 50;   // entries on the page
const KEPT = 500;   // entries in the table; the oldest go
const NAME = 40;    // characters
const WORDS = 300;

$en = ($_GET['lang'] ?? '') === 'en';
$t = $en ? [
    'lang' => 'en', 'site' => 'Migiwa, tea and tableware', 'title' => 'Guest book',
    'lead' => 'Which tea did you like? Leave us a word; it will stand here at once.',
    'name' => 'Name', 'words' => 'Your words', 'send' => 'Write it down',
    'nobody' => 'Nobody has written yet. The first page is yours.', 'anon' => 'A guest',
    'empty' => 'Please write a few words.', 'long' => 'That is too long: up to %d characters, please.',
    'closed' => 'The guest book cannot be opened just now. Please come back a little later.',
    'date' => 'j F Y, H:i',
    'note' => 'This page is <code>guestbook.php</code>. It keeps the words in the MySQL database <code>%s</code>, which you can look at in <a href="/phpMyAdmin/">phpMyAdmin</a>.',
] : [
    'lang' => 'ja', 'site' => '茶と器 みぎわ', 'title' => 'ひとこと帳',
    'lead' => '今日のお茶はいかがでしたか。ひとこと残していただけると、店主がよろこびます。',
    'name' => 'お名前', 'words' => 'ひとこと', 'send' => '帳面に書く',
    'nobody' => 'まだどなたも書いていません。最初の一頁をどうぞ。', 'anon' => 'お客さま',
    'empty' => 'ひとことをお書きください。', 'long' => '長すぎます。%d 文字までにしてください。',
    'closed' => 'ただいま帳面を開けません。しばらくしてから、もう一度お越しください。',
    'date' => 'Y年n月j日 G時i分',
    'note' => 'このページは <code>guestbook.php</code> です。ひとことは MySQL のデータベース <code>%s</code> にあり、<a href="/phpMyAdmin/">phpMyAdmin</a> でご覧になれます。',
];
$here = '/guestbook.php' . ($en ? '?lang=en' : '');
$error = '';
$entries = [];
$database = '';

function h(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5, 'UTF-8');
}

// A field of the form: UTF-8 without control characters, or nothing.
function field(string $name): string
{
    $value = $_POST[$name] ?? '';
    if (!is_string($value) || !preg_match('//u', $value)) {
        return '';
    }
    return trim(preg_replace('/[^\P{Cc}\n]/u', '', strtr($value, ["\r\n" => "\n"])));
}

function length(string $text): int
{
    return preg_match_all('/./su', $text);
}

function open_database(array $config): mysqli
{
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
    $db = new mysqli($config['host'], $config['user'], $config['password'], $config['database']);
    $db->set_charset('utf8mb4');
    $db->query('CREATE TABLE IF NOT EXISTS guestbook (
        id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
        written BIGINT NOT NULL,
        name VARCHAR(' . NAME . ') NOT NULL,
        words VARCHAR(' . WORDS . ') NOT NULL) DEFAULT CHARSET utf8mb4');
    return $db;
}

function add(mysqli $db, string $name, string $words): void
{
    $now = time();
    $insert = $db->prepare('INSERT INTO guestbook (written, name, words) VALUES (?, ?, ?)');
    $insert->bind_param('iss', $now, $name, $words);
    $insert->execute();
    $old = $db->insert_id - KEPT;
    $delete = $db->prepare('DELETE FROM guestbook WHERE id <= ?');
    $delete->bind_param('i', $old);
    $delete->execute();
}

try {
    $config = require __DIR__ . '/config.php';
    $database = $config['database'];
    $db = open_database($config);
    if ($_SERVER['REQUEST_METHOD'] === 'POST') {
        [$name, $words] = [field('name'), field('words')];
        if ($words === '') {
            $error = $t['empty'];
        } elseif (length($words) > WORDS || length($name) > NAME) {
            $error = sprintf($t['long'], length($words) > WORDS ? WORDS : NAME);
        } else {
            add($db, $name, $words);
            header("Location: $here", true, 303); // a reload writes nothing twice
            exit;
        }
        http_response_code(422);
    }
    $entries = $db->query('SELECT written, name, words FROM guestbook ORDER BY id DESC LIMIT ' . SHOWN)
        ->fetch_all(MYSQLI_ASSOC);
} catch (mysqli_sql_exception $e) {
    error_log('guest book: ' . $e->getMessage());
    http_response_code(503);
    $error = $t['closed'];
}
header('Content-Type: text/html; charset=utf-8');
header('Cache-Control: no-cache');
?>
<!DOCTYPE html>
<html lang="<?= $t['lang'] ?>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><?= $t['title'] ?>|<?= $t['site'] ?></title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/img/icon.svg" type="image/svg+xml">
</head>
<body>
<header class="top"><div class="wrap">
<?php if ($en): ?>
<a class="name" href="/en/"><img src="/img/icon.svg" width="40" height="40" alt=""><span><span lang="ja">茶と器 みぎわ</span><small>Migiwa, tea and tableware</small></span></a>
<nav aria-label="Menu">
<a href="/en/">Home</a>
<a href="/guestbook.php?lang=en" aria-current="page">Guest book</a>
<a href="/contact.cgi?lang=en">Write to us</a>
<a href="/counter/">Counter</a>
<a href="/guestbook.php" lang="ja" hreflang="ja">日本語</a>
</nav>
<?php else: ?>
<a class="name" href="/"><img src="/img/icon.svg" width="40" height="40" alt=""><span>茶と器 みぎわ<small lang="en">Migiwa, tea and tableware</small></span></a>
<nav aria-label="メニュー">
<a href="/">ホーム</a>
<a href="/shop/">お店のご案内</a>
<a href="/news.shtml">お知らせ</a>
<a href="/guestbook.php" aria-current="page">ひとこと帳</a>
<a href="/contact.cgi">お便り</a>
<a href="/counter/">カウンタ</a>
<a href="/guestbook.php?lang=en" lang="en" hreflang="en">English</a>
</nav>
<?php endif ?>
</div></header>
<main class="wrap page">
<h1><?= $t['title'] ?><?= $en ? '' : '<small lang="en">Guest book</small>' ?></h1>
<p class="lead"><?= $t['lead'] ?></p>
<form class="write" method="post" action="<?= $here ?>#book">
<label><span><?= $t['name'] ?></span><input name="name" maxlength="<?= NAME ?>" autocomplete="name" value="<?= h($error ? field('name') : '') ?>"></label>
<label><span><?= $t['words'] ?></span><textarea name="words" rows="3" maxlength="<?= WORDS ?>" required><?= h($error ? field('words') : '') ?></textarea></label>
<?php if ($error): ?>
<p class="error" role="alert"><?= h($error) ?></p>
<?php endif ?>
<button><?= $t['send'] ?></button>
</form>
<ul class="news book" id="book">
<?php foreach ($entries as $e): ?>
<li><time datetime="<?= date('c', (int) $e['written']) ?>"><?= date($t['date'], (int) $e['written']) ?></time><p dir="auto"><?= nl2br(h($e['words'])) ?></p><p class="by" dir="auto"><?= $e['name'] === '' ? $t['anon'] : h($e['name']) ?></p></li>
<?php endforeach ?>
</ul>
<?php if (!$entries && !$error): ?>
<p class="lead"><?= $t['nobody'] ?></p>
<?php endif ?>
<div class="note"><p><?= sprintf($t['note'], h($database)) ?></p></div>
</main>
<footer class="foot"><div class="wrap">
<p>© <?= $t['site'] ?></p>
</div></footer>
</body>
</html>
