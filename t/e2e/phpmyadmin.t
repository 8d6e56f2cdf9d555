#!/usr/bin/perl
# phpMyAdmin through HTTP as a browser would: the dialog on every name and
# address, the customer's databases and no others, export, drop, import, equal,
# in several character sets. P61, P62, P63, P64.
use v5.30;
use warnings;
use utf8;
use open ':std', ':encoding(UTF-8)';
use Digest::SHA qw(sha1);
use Encode qw(decode encode);
use Compress::Zlib ();
use MIME::Base64 qw(encode_base64);
use Test::More;
use Omakase::Browser;
use Omakase::Client ();
use Omakase::Instance;

my $i = Omakase::Instance->new(databases => 1);
my $guard = -e $i->layout('modules') . '/mod_php_pool.so';
for (qw(mariadb phpmyadmin)) {
    plan skip_all => "no $_ here" if !$i->daemon($_)->wanted;
}
$i->site('ab-cdftp', 'example.localhost');
$i->site('xy', 'other.localhost');
$i->put('ab-cdftp', 'web/phpMyAdmin/index.html', 'the customer\'s own');
$i->put('ab-cdftp', 'web/.htaccess', <<'END');
AuthType Basic
AuthName mine
AuthUserFile /nowhere
SetEnv OMAKASE_PMA_SOCKET /elsewhere
AddType text/plain .php
END
# The pool's socket belongs to no customer either.
my $socket = $i->daemon('phpmyadmin')->socket;
$i->put('xy', 'web/take/.htaccess', qq{<Files "x.php">\nSetHandler "proxy:unix:$socket|fcgi://localhost/"\n</Files>\n});
$i->put('xy', 'web/take/x.php', '<?php echo "taken ", ini_get("open_basedir");');
$i->start;
my $db = $i->mariadb;
my ($www, $other) = ('www.example.localhost', 'www.other.localhost');
my $pass = "p\x{e4}ss:\\\"' 1"; # a colon and what SQL quotes
my %hash = (pass => hash_of(encode('UTF-8', $pass)), other => hash_of('other'));
system("$ENV{OMAKASE_BUILDDIR}/t/e2e/database_tool", $db->socket, 'apply', @$_) == 0 or die 'apply'
    for ['ab-cdftp', 6, $hash{pass}], ['xy', 6, $hash{other}];

sub hash_of { '*' . uc unpack 'H*', sha1(sha1($_[0])) }

sub sql { decode('UTF-8', $db->sql(encode('UTF-8', $_[0]))) }

# --- a browser ------------------------------------------------------------------

my ($user, $word, %cookies) = ('', '');

sub as {
    ($user, $word) = @_;
    %cookies = ();
    return;
}

sub ask {
    my ($method, $host, $path, $body, %headers) = @_;
    $headers{Authorization} = 'Basic ' . encode_base64(encode('UTF-8', "$user:$word"), '')
        if $user ne '';
    $headers{Cookie} = join '; ', map {"$_=$cookies{$_}"} sort keys %cookies if %cookies;
    my $r = Omakase::Client::request($i, $method, $host, $path, $body, %headers);
    for (map { ref ? @$_ : $_ } $r->{headers}{'set-cookie'} // ()) {
        $cookies{$1} = $2 if /\A([^=]+)=([^;]*)/;
    }
    return $r;
}

sub page { ask('GET', $www, "/phpMyAdmin/$_[0]") }

sub unhtml {
    my ($s) = @_;
    $s =~ s/&#x([0-9A-Fa-f]+);/chr hex $1/ge;
    $s =~ s/&quot;/"/g;
    $s =~ s/&lt;/</g;
    $s =~ s/&gt;/>/g;
    return $s =~ s/&amp;/&/gr;
}

# What the form of that name would send as it is: [name, value]…
sub form {
    my ($html, $name) = @_;
    my ($tag, $inner) = decode('UTF-8', $html) =~ m{(<form[^>]*\bname="$name"[^>]*>)(.*?)</form>}s or return;
    my ($action) = $tag =~ /action="([^"]*)"/;
    my @fields;
    while ($inner =~ m{<(input|select|textarea)\b([^>]*)>}g) {
        my ($type, $attributes) = ($1, $2);
        my ($field) = $attributes =~ /\bname="([^"]*)"/ or next;
        my ($value) = map { unhtml($_) } $attributes =~ /\bvalue="([^"]*)"/;
        if ($type eq 'select') {
            my ($options) = substr($inner, pos $inner) =~ m{\A(.*?)</select>}s;
            ($value) = $options =~ /<option([^>]*\bselected\b[^>]*)>/ ? $1 =~ /value="([^"]*)"/
                : $options =~ /<option[^>]*value="([^"]*)"/;
        }
        elsif ($type eq 'textarea') {
            ($value) = map { unhtml($_) } substr($inner, pos $inner) =~ m{\A(.*?)</textarea>}s;
        }
        elsif ($attributes =~ /type="(?:checkbox|radio)"/) {
            next if $attributes !~ /\bchecked\b/;
        }
        elsif ($attributes =~ /type="(?:file|submit|button|reset)"/) {
            next;
        }
        push @fields, [$field, $value // ''];
    }
    return (unhtml($action), @fields);
}

sub set {
    my ($fields, %new) = @_;
    @$fields = ((grep { !exists $new{$_->[0]} } @$fields), map { [$_, $new{$_}] } sort keys %new);
    return;
}

sub send_form {
    my ($action, @fields) = @_;
    my $body = join '&', map {
        join '=', map { encode('UTF-8', $_) =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger } @$_
    } @fields;
    return ask('POST', $www, "/phpMyAdmin/$action", $body,
        'Content-Type' => 'application/x-www-form-urlencoded');
}

# The SQL tab's Go.
sub sql_tab {
    my ($database, $sql) = @_;
    my ($action, @fields) = form(page("index.php?route=/database/sql&db=$database")->{content}, 'sqlform');
    set(\@fields, sql_query => $sql, ajax_request => 'true');
    return send_form($action, @fields)->{content};
}

sub export {
    my ($database, %options) = @_;
    my ($action, @fields) = form(page("index.php?route=/database/export&db=$database")->{content}, 'dump');
    set(\@fields, %options, what => 'sql');
    return send_form($action, @fields);
}

sub import_file {
    my ($database, $bytes, $charset) = @_;
    my ($action, @fields) = form(page("index.php?route=/database/import&db=$database")->{content}, 'import');
    set(\@fields, charset_of_file => $charset // 'utf-8', format => 'sql');
    my $border = 'omakase-border';
    my $body = join '', (map {"--$border\r\nContent-Disposition: form-data; name=\"$_->[0]\"\r\n\r\n$_->[1]\r\n"} @fields),
        "--$border\r\nContent-Disposition: form-data; name=\"import_file\"; filename=\"a.sql\"\r\n",
        "Content-Type: application/sql\r\n\r\n$bytes\r\n--$border--\r\n";
    return ask('POST', $www, "/phpMyAdmin/$action", $body,
        'Content-Type' => "multipart/form-data; boundary=$border")->{content};
}

# Every table of a database, as MariaDB itself has it: columns and bytes.
sub content_of {
    my ($database) = @_;
    my $out = '';
    for my $table (split /\n/, sql("SHOW TABLES IN $database")) {
        my @columns = split /\n/, sql('SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE '
            . "TABLE_SCHEMA = '$database' AND TABLE_NAME = '$table' ORDER BY ORDINAL_POSITION");
        $out .= sql("SHOW CREATE TABLE $database.$table");
        $out .= sql('SELECT ' . join(', ', map {"HEX(`$_`)"} @columns)
            . " FROM $database.$table ORDER BY 1");
    }
    return $out;
}

sub drop_tables {
    my ($database) = @_;
    sql_tab($database, "DROP TABLE `$_`") for split /\n/, sql("SHOW TABLES IN $database");
    is(sql("SHOW TABLES IN $database"), '', "$database is emptied");
    return;
}

# --- where it is, and who gets in -------------------------------------------------

for my $host ($www, 'example.localhost', $other, 'localhost', '127.0.0.1', 'unknown.invalid') {
    my $r = ask('GET', $host, '/phpMyAdmin/');
    is($r->{status}, 401, "$host asks");
    is($r->{headers}{'www-authenticate'}, 'Basic realm="phpMyAdmin"', 'with a dialog');
}
is(ask('GET', $www, '/phpMyAdmin')->{headers}{location} =~ s{.*?(/phpMyAdmin.*)}{$1}r, '/phpMyAdmin/',
    'without the slash: there');
for my $path ('/phpmyadmin/', '/PHPMyAdmin/', '/phpmyadmin', '/phpMyAdminX/') {
    as('', '');
    is(ask('GET', $other, $path)->{status}, 404, "$path is nothing");
}
for (qw(setup/ setup/index.php libraries/vendor_config.php libraries/ templates/base.twig sql/create_tables.sql
    autoload.php show_config_errors.php config.sample.inc.php locale/ja/LC_MESSAGES/phpmyadmin.mo),
    'js/../libraries/constants.php', 'themes/x.php') {
    like(page($_)->{status}, qr/^40[34]$/, "$_ is shut");
}
is(page($_)->{status}, 200, "$_ is served")
    for qw(js/vendor/jquery/jquery.min.js js/messages.php?l=ja themes/pmahomme/css/theme.css favicon.ico);

for (['abcdftp', 'wrong'], ['abcdftp', ''], ['ab-cdftp', $pass], ['xy', $pass], ['root', ''], ['root', 'x'],
    ['mysql', ''], [scalar getpwuid $>, ''], [$> == 0 ? 'nobody' : scalar getpwuid $>, 'x'], ['', 'x'],
    ['mariadb.sys', '']) {
    as(@$_);
    is(page('')->{status}, 401, "'$_->[0]' with '$_->[1]' stays out");
}
as('abcdftp', $pass);
my $home = page('');
is($home->{status}, 200, 'the customer gets in');
is($home->{headers}{'x-frame-options'}, 'DENY', 'with phpMyAdmin\'s own headers');
like($home->{headers}{'content-security-policy'}, qr/default-src 'self'/, 'the policy, too');
like(join('', map { ref ? @$_ : $_ } $home->{headers}{'set-cookie'} // ''), qr{phpMyAdmin=[^;]+; path=/phpMyAdmin/; HttpOnly}i,
    'a session for this path');
(my $shown = $home->{content}) =~ s{<noscript>.*?</noscript>}{}gs;
is_deeply([$shown =~ /class="alert (alert-(?!primary)[^"]*)"/g], [], 'no warnings on its page');

# --- a customer who wants its pool ---------------------------------------------------

SKIP: {
    skip 'mod_php_pool is not built', 2 if !$guard;
    my $r = ask('GET', $other, '/take/x.php');
    is($r->{status}, 403, 'no .htaccess reaches its pool');
    unlike($r->{content}, qr/taken/, 'and runs nothing there');
}

# --- what is seen -------------------------------------------------------------------

my %seen = map { $_ => 1 } page('index.php?route=/server/databases')->{content} =~ /[?;&]db=(\w+)/g;
is_deeply([sort keys %seen], [map {"abcdftp0$_"} 1 .. 6], 'six databases and no others');
unlike(sql_tab('abcdftp01', 'SHOW DATABASES'), qr/xy0/, 'nor by SQL');
like(sql_tab('abcdftp01', 'CREATE TABLE xy01.t (a INT)'), qr/denied/, 'nor to be written to');
like(sql_tab('abcdftp01', "SELECT LOAD_FILE('/etc/passwd')"), qr/denied|NULL/, 'no file of the server\'s');
sql('CREATE TABLE abcdftp06.f (a TEXT)');
like(sql_tab('abcdftp06', "LOAD DATA LOCAL INFILE '" . $i->daemon('phpmyadmin')->dir . "/secret.php' INTO TABLE f"),
    qr/"success":false/, 'nor of phpMyAdmin\'s own');
is(sql('SELECT COUNT(*) FROM abcdftp06.f'), "0\n", 'indeed not');
my $denied = ask('POST', $www, '/phpMyAdmin/index.php?route=/import', 'db=abcdftp01&sql_query=DROP+DATABASE+abcdftp02'
    . '&token=00000000000000000000000000000000', 'Content-Type' => 'application/x-www-form-urlencoded');
like(sql('SHOW DATABASES'), qr/abcdftp02/, 'a form without its token does nothing');

# --- tables, export, drop, import, equal ----------------------------------------------

like(sql_tab('abcdftp01', $_), qr/"success":true/, 'SQL: ' . substr $_, 0, 40) for
    'CREATE TABLE 日記 (番号 INT PRIMARY KEY AUTO_INCREMENT, 題 VARCHAR(100), 本文 TEXT, 絵 BLOB)',
    "INSERT INTO 日記 (題, 本文, 絵) VALUES ('寿司 🍣🍺', 'it''s \"a\\\\b\\n🇯🇵', x'00FF5C27220A0D'), ('', NULL, NULL)",
    'CREATE TABLE 別 (あ VARCHAR(50) CHARACTER SET sjis, い VARCHAR(50) CHARACTER SET ujis, う TEXT CHARACTER SET cp932)',
    "INSERT INTO 別 VALUES ('表示 ソ能申 ﾊﾝｶｸ', '日本語 表ソ', '①㈱ 髙')";
my $before = content_of('abcdftp01');
like($before, qr/F09F8DA3/, 'an emoji is there');
like($before, qr/955C8EA6/, 'and text in Shift_JIS');

my $r = export('abcdftp01');
like($r->{headers}{'content-disposition'}, qr/attachment; filename="abcdftp01\.sql"/, 'export to a file');
my $dump = $r->{content};
like(decode('UTF-8', $dump), qr/寿司 🍣🍺/, 'with what is in it');
drop_tables('abcdftp01');
like(import_file('abcdftp01', $dump), qr/Import has been successfully finished/, 'import');
is(content_of('abcdftp01'), $before, 'into the emptied database: equal');

like(import_file('abcdftp01', $dump), qr/#1050/, 'over what is there: no, and said');
is(content_of('abcdftp01'), $before, 'which stays as it was');

# Into one that is not empty it appends.
sql_tab('abcdftp02', 'CREATE TABLE kept (a INT)');
sql_tab('abcdftp02', 'INSERT INTO kept VALUES (1)');
import_file('abcdftp02', $dump);
is(sql('SHOW TABLES IN abcdftp02') =~ tr/\n//, 3, 'into another one: beside what was there');
is(sql('SELECT * FROM abcdftp02.kept'), "1\n", 'which is as it was');
like(import_file('abcdftp02', encode('UTF-8', "INSERT INTO `別` VALUES ('追加', NULL, NULL);\n")), qr/successfully/, 'lines');
is(sql('SELECT COUNT(*) FROM abcdftp02.別'), "2\n", 'come behind those of before');

# --- other character sets: both sides name the same --------------------------------------

# More than phpMyAdmin reads at once, in each set, with 0x5C as second byte.
my $text = '表示ソ能申構暴 "q" \\\\ back\'\'s, ~ 日本語';
sql_tab('abcdftp03', 'CREATE TABLE 長 (a INT PRIMARY KEY, b TEXT CHARACTER SET utf8mb4, c TEXT CHARACTER SET sjis, '
    . 'd TEXT CHARACTER SET ujis)');
sql_tab('abcdftp03', "INSERT INTO 長 SELECT seq, CONCAT(REPEAT('$text', 1 + seq % 7), seq), '$text', '$text' FROM seq_1_to_2500");
$before = content_of('abcdftp03');
cmp_ok(length $before, '>', 1_000_000, 'a megabyte of Japanese');
for (['SJIS-win', 'cp932'], ['eucJP-win', 'euc-jp'], ['SHIFT_JIS', 'shiftjis'], ['euc-jp', 'euc-jp'], ['iso-2022-jp', 'iso-2022-jp']) {
    my ($charset, $perl) = @$_;
    my $dump = export('abcdftp03', quick_or_custom => 'custom', export_method => 'custom', charset => $charset,
        asfile => 'sendit', output_format => 'sendit')->{content};
    my $word = encode($perl, '能申構暴') =~ s/\e\S[A-Z]//gr;
    like($dump, qr/\Q$word\E/, "export in $charset");
    drop_tables('abcdftp03');
    like(import_file('abcdftp03', $dump, $charset), qr/successfully/, 'import');
    ok(content_of('abcdftp03') eq $before, 'equal') or diag('differs');
}
my $gz = Compress::Zlib::memGzip(encode('cp932', "INSERT INTO `長` VALUES (9999, '圧縮', NULL, NULL);\n"));
like(import_file('abcdftp03', $gz, 'SJIS-win'), qr/successfully/, 'gzip in another set');
is(sql('SELECT b FROM abcdftp03.長 WHERE a = 9999'), "圧縮\n", 'is read');

# --- large ---------------------------------------------------------------------------------

my $line = encode('UTF-8', '大' x 3000);
my $large = "CREATE TABLE big (a INT PRIMARY KEY, b MEDIUMTEXT) CHARACTER SET utf8mb4;\n"
    . join '', map { my $n = $_;
        'INSERT INTO big VALUES ' . join(', ', map { '(' . (10 * $n + $_) . ", '$line')" } 0 .. 9) . ";\n" } 1 .. 230;
cmp_ok(length $large, '>', 20_000_000, '20 MB');
like(import_file('abcdftp04', $large), qr/successfully/, 'are imported');
is(sql('SELECT COUNT(*), SUM(CHAR_LENGTH(b)) FROM abcdftp04.big'), "2300\t6900000\n", 'all of them');
my @left = glob $i->daemon('phpmyadmin')->dir . '/tmp/*';
is_deeply([grep { !/twig/ } @left], [], 'no upload is left behind');

# --- a real one --------------------------------------------------------------------------------

SKIP: {
    my $browser = Omakase::Browser->find or skip 'no Chromium', 3;
    sql("ALTER USER abcdftp\@localhost IDENTIFIED BY 'plain'");
    my $url = "http://abcdftp:plain\@$www:@{[$i->httpd->port]}/phpMyAdmin/index.php";
    my $page = $browser->dump_dom("$url?route=/sql&db=abcdftp01&table=日記&pos=0&lang=ja" =~ s/([^ -~])/join '', map { sprintf '%%%02X', ord } split m{}, encode 'UTF-8', $1/ger);
    like(decode('UTF-8', $page->{dom}), qr/寿司 🍣🍺/, 'Chromium shows a table');
    like($page->{dom}, qr/abcdftp06/, 'and the databases beside it');
    is_deeply([grep { !/JQMIGRATE/ } @{$page->{console}}], [], 'with nothing on its console');
}

# --- logs --------------------------------------------------------------------------------------

my $log = do { local (@ARGV, $/) = $i->root . '/srv/ab-cdftp/log/error.log'; <> };
like($log, qr/user denied: abcdftp \(mysql-denied\) from 127\.0\.0\.1/, 'a refused login is in the site\'s error log');
unlike($log, qr/\Q@{[encode('UTF-8', $pass)]}\E/, 'without the password');
unlike($log, qr/PHP (?:Warning|Notice|Fatal|Deprecated|Parse)/, 'PHP complains of nothing');
is_deeply([$i->daemon('phpmyadmin')->unexpected], [], 'nor does php-fpm');
is_deeply([$db->unexpected(qr/Access denied for user|Aborted connection/)], [], 'nor MariaDB');
unlike($i->httpd->log_text, qr/PHP (?:Warning|Notice|Fatal|Deprecated|Parse)/, 'nor on the node\'s own name');
ok($i->stop, 'all end by themselves');
done_testing;
