#!/usr/bin/perl
# A form mailer: what a visitor writes goes to the shop by sendmail. It runs as
# the customer; nothing that a visitor enters gets into a header of the mail but
# an address that looks like one.
use strict;
use warnings;
use Encode qw(decode encode FB_CROAK);
use MIME::Base64 qw(encode_base64);

my $sendmail = '/usr/sbin/sendmail';
my $to = getpwuid $>; # the shop's own mailbox on this server
my %most = (name => 40, mail => 100, words => 1000); # characters

my $en = ($ENV{QUERY_STRING} || '') =~ /(?:\A|&)lang=en(?:&|\z)/;
my %t = $en ? (
    lang => 'en', site => 'Migiwa, tea and tableware', title => 'Write to us',
    lead => 'An order, a question, a word about a cup: it reaches the shop by mail.',
    name => 'Name', mail => 'Your mail address (if you want an answer)', words => 'Your words', send => 'Send',
    sent => 'Thank you. Your words are on their way to us.',
    empty => 'Please write a few words.', long => 'That is too long.', address => 'Please look at the mail address again.',
    closed => 'The mail could not be sent. Please try again a little later.',
    note => 'This page is <code>contact.cgi</code>, a Perl script. It runs as the user <code>%s</code> and hands the mail to <code>/usr/sbin/sendmail</code>.',
) : (
    lang => 'ja', site => '茶と器 みぎわ', title => 'お便り',
    lead => 'ご注文やお問い合わせ、器のご感想などをお寄せください。店にメールで届きます。',
    name => 'お名前', mail => 'メールアドレス(お返事が要るとき)', words => '本文', send => '送る',
    sent => 'ありがとうございます。お便りをお預かりしました。',
    empty => '本文をお書きください。', long => '長すぎます。', address => 'メールアドレスをもう一度ご確認ください。',
    closed => 'メールを送れませんでした。しばらくしてから、もう一度お試しください。',
    note => 'このページは Perl で書かれた <code>contact.cgi</code> です。ユーザ <code>%s</code> として動き、<code>/usr/sbin/sendmail</code> でメールを送ります。',
);
my $here = '/contact.cgi' . ($en ? '?lang=en' : '');
my ($status, $error, %field) = ('200 OK', '');

if (($ENV{REQUEST_METHOD} || '') eq 'POST') {
    %field = fields();
    $error = wrong();
    $status = '422 Unprocessable Content' if $error;
    if (!$error && !send_mail()) {
        ($status, $error) = ('503 Service Unavailable', $t{closed});
    }
    if (!$error) { # a reload sends nothing twice
        print "Status: 303 See Other\nLocation: $here", $en ? '&' : '?', "sent=1\n\n";
        exit;
    }
}
page();

# What the form has sent: UTF-8 without control characters, or nothing.
sub fields {
    my $length = $ENV{CONTENT_LENGTH} || 0;
    my ($body, %f) = ('');
    return if $length !~ /\A\d+\z/ || $length > 20000;
    read STDIN, $body, $length;
    for (split /&/, $body) {
        my ($name, $value) = map { tr/+/ /; s/%([0-9A-Fa-f]{2})/chr hex $1/ger } split /=/, $_, 2;
        next if !exists $most{$name || ''} || !defined $value;
        my $text = eval { decode('UTF-8', $value, FB_CROAK) };
        $text = '' if !defined $text;
        $text =~ s/\r\n?/\n/g;
        $text =~ s/[^\P{Cc}\n]//g;
        $text =~ s/\n/ /g if $name ne 'words';
        $text =~ s/\A\s+|\s+\z//g;
        $f{$name} = $text;
    }
    return %f;
}

sub wrong {
    return $t{empty} if !defined $field{words} || $field{words} eq '';
    return $t{long} if grep { length($field{$_} || '') > $most{$_} } keys %most;
    return $t{address} if ($field{mail} || '') !~ /\A(?:[\w.+-]+\@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)?\z/a;
    return '';
}

sub send_mail {
    my $from = $field{name} || '-';
    my $body = encode_base64(encode('UTF-8', "$field{words}\n\n-- \n$from\n" . ($field{mail} || '') . "\n"));
    my $subject = encode_base64($t{title}, ''); # this file is UTF-8
    my $reply = $field{mail} ? "Reply-To: $field{mail}\n" : '';
    -x $sendmail && open my $mail, '|-', $sendmail, '-oi', '-t' or return;
    print {$mail} "From: $to\nTo: $to\nSubject: =?UTF-8?B?$subject?=\n${reply}MIME-Version: 1.0\n"
        . "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: base64\n\n$body";
    return close $mail;
}

sub html {
    my $text = encode('UTF-8', defined $_[0] ? $_[0] : '');
    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
    return $text =~ s/([&<>"])/$entity{$1}/gr;
}

sub page {
    my $sent = ($ENV{QUERY_STRING} || '') =~ /(?:\A|&)sent=1(?:&|\z)/;
    my %value = map { $_ => html($field{$_}) } keys %most;
    my $said = $error ? qq{<p class="error" role="alert">$error</p>\n} : '';
    my $thanks = $sent && !$error ? qq{<p class="lead" role="status"><strong>$t{sent}</strong></p>\n} : '';
    my $small = $en ? '' : '<small lang="en">Write to us</small>';
    my $note = sprintf $t{note}, html($to);
    my $top = $en ? <<'EN' : <<'JA';
<a class="name" href="/en/"><img src="/img/icon.svg" width="40" height="40" alt=""><span><span lang="ja">茶と器 みぎわ</span><small>Migiwa, tea and tableware</small></span></a>
<nav aria-label="Menu">
<a href="/en/">Home</a>
<a href="/guestbook.php?lang=en">Guest book</a>
<a href="/contact.cgi?lang=en" aria-current="page">Write to us</a>
<a href="/counter/">Counter</a>
<a href="/contact.cgi" lang="ja" hreflang="ja">日本語</a>
</nav>
EN
<a class="name" href="/"><img src="/img/icon.svg" width="40" height="40" alt=""><span>茶と器 みぎわ<small lang="en">Migiwa, tea and tableware</small></span></a>
<nav aria-label="メニュー">
<a href="/">ホーム</a>
<a href="/shop/">お店のご案内</a>
<a href="/news.shtml">お知らせ</a>
<a href="/guestbook.php">ひとこと帳</a>
<a href="/contact.cgi" aria-current="page">お便り</a>
<a href="/counter/">カウンタ</a>
<a href="/contact.cgi?lang=en" lang="en" hreflang="en">English</a>
</nav>
JA
    print <<"HTML";
Status: $status
Content-Type: text/html; charset=utf-8
Cache-Control: no-cache

<!DOCTYPE html>
<html lang="$t{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$t{title}|$t{site}</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/img/icon.svg" type="image/svg+xml">
</head>
<body>
<header class="top"><div class="wrap">
$top</div></header>
<main class="wrap page">
<h1>$t{title}$small</h1>
<p class="lead">$t{lead}</p>
$thanks<form class="write" method="post" action="$here">
<label><span>$t{name}</span><input name="name" maxlength="$most{name}" autocomplete="name" value="$value{name}"></label>
<label><span>$t{mail}</span><input name="mail" type="email" maxlength="$most{mail}" autocomplete="email" value="$value{mail}"></label>
<label><span>$t{words}</span><textarea name="words" rows="6" maxlength="$most{words}" required>$value{words}</textarea></label>
$said<button>$t{send}</button>
</form>
<div class="note"><p>$note</p></div>
</main>
<footer class="foot"><div class="wrap">
<p>© $t{site}</p>
</div></footer>
</body>
</html>
HTML
    return;
}
