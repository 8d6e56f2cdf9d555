#!/usr/bin/php
<?php
// The tea of the day: PHP that is named .cgi and begins like a Perl script.
declare(strict_types=1);

$en = ($_GET['lang'] ?? '') === 'en';
$teas = [
    ['#75864f', '煎茶「朝凪」', 'すっきりとした一杯で、朝をはじめましょう。', 'Asanagi, green tea', 'Clear and bright: a good beginning.'],
    ['#a9673d', 'ほうじ茶「夕凪」', '軽い香ばしさで、ひと息。', 'Yunagi, roasted tea', 'Light and toasty: take a rest.'],
    ['#c29a3f', '玄米茶「しおさい」', 'おむすびを一つ、添えてどうぞ。', 'Shiosai, tea with rice', 'Have a rice ball with it.'],
];
[$colour, $ja, $jaWords, $english, $englishWords] = $teas[(int) date('z') % count($teas)];
[$name, $words] = $en ? [$english, $englishWords] : [$ja, $jaWords];
[$lang, $home, $title, $site, $back, $note] = $en
    ? ['en', '/en/', 'The tea of the day', 'Migiwa, tea and tableware', 'Home',
        'This page is <code>today.cgi</code>, PHP that runs as CGI.']
    : ['ja', '/', '今日の一杯', '茶と器 みぎわ', 'ホーム',
        'このページは PHP で書かれた CGI、<code>today.cgi</code> です。'];
header('Content-Type: text/html; charset=utf-8');
header('Cache-Control: no-cache');
?>
<!DOCTYPE html>
<html lang="<?= $lang ?>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><?= $title ?>|<?= $site ?></title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/img/icon.svg" type="image/svg+xml">
</head>
<body>
<header class="top"><div class="wrap">
<a class="name" href="<?= $home ?>"><img src="/img/icon.svg" width="40" height="40" alt=""><span><?= $site ?></span></a>
<nav><a href="<?= $home ?>"><?= $back ?></a></nav>
</div></header>
<main class="wrap page">
<h1><?= $title ?></h1>
<ul class="goods" style="max-width: 22rem">
<li><svg aria-hidden="true" style="color:<?= $colour ?>"><use href="/img/goods.svg#tin"/></svg><div><h3><?= $name ?></h3><p><?= $words ?></p></div></li>
</ul>
<div class="note"><p><?= $note ?></p></div>
</main>
<footer class="foot"><div class="wrap">
<p>© <?= $site ?></p>
</div></footer>
</body>
</html>
