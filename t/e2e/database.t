#!/usr/bin/perl
# A customer's databases in a real MariaDB from conf.d/mariadb: made, checked,
# repaired, dumped, dropped; the user has rights on those alone, from localhost
# alone; what is somebody else's is not taken over. P57, P58, P60.
use v5.30;
use warnings;
use Digest::SHA qw(sha1);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Omakase::Instance;

my $i = Omakase::Instance->new(daemons => ['mariadb'], databases => 1);
plan skip_all => 'no MariaDB here' if !$i->mariadb->wanted;
$i->start;
my $db = $i->mariadb;
my ($pass, $pass2) = ("p\x{e4}ss'\"\\ 1", 'other');
my ($hash, $hash2) = map { hash_of($_) } $pass, $pass2;

sub hash_of { '*' . uc unpack 'H*', sha1(sha1($_[0])) }

sub grants { join '', sort split /^/, $db->sql('SHOW GRANTS FOR abcdftp@localhost') }

# (exit status, lines) of database.h's functions.
sub tool {
    my @c = map { "'" . s/'/'\\''/gr . "'" } "$ENV{OMAKASE_BUILDDIR}/t/e2e/database_tool", $db->socket, @_;
    my @lines = split /\n/, qx{@c 2>&1};
    return ($? >> 8, @lines);
}

sub quiet_ok {
    my ($what, @command) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply([tool(@command)], [0], $what);
}

sub said {
    my ($what, $like, @command) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my (undef, @lines) = tool(@command);
    my $n = grep { $_ =~ $like } @lines;
    ok($n, $what) or diag("@lines");
    return scalar @lines;
}

# --- made --------------------------------------------------------------------

quiet_ok('a new data directory has no account without a name', 'node');
my ($rc, @missing) = tool('check', 'ab-cdftp', 6, $hash);
is(@missing, 7, 'a new customer lacks the user and six databases');
quiet_ok('made', 'apply', 'ab-cdftp', 6, $hash);
quiet_ok('and nothing is missing', 'check', 'ab-cdftp', 6, $hash);
my $made = $db->sql('SHOW CREATE DATABASE abcdftp06');
like($made, qr/utf8mb4/, 'in utf8mb4');
my $grants = grants();
quiet_ok('made once more', 'apply', 'ab-cdftp', 6, $hash);
is(grants(), $grants, 'changes nothing');
quiet_ok('a neighbour', 'apply', 'xy', 6, $hash2);

is($db->client('abcdftp', $pass =~ s/([\\"])/\\$1/gr, 'SHOW DATABASES'),
    join('', map {"$_\n"} (map {"abcdftp0$_"} 1 .. 6), 'information_schema'),
    'the user sees the six and nobody else\'s');
like($db->client('abcdftp', 'wrong', 'SELECT 1'), qr/Access denied/, 'a wrong password');
like($db->client('xy', $pass2, 'CREATE TABLE abcdftp01.t (a INT)'), qr/denied/, 'a neighbour cannot write');
like($db->client('xy', $pass2, 'SELECT * FROM mysql.global_priv'), qr/denied/, 'nor read the accounts');
like($db->client('xy', $pass2, 'CREATE DATABASE xy07'), qr/denied/, 'nor make a database');
like($db->client('xy', $pass2, "SELECT 1 INTO OUTFILE '/tmp/omakase-x'"), qr/denied/, 'nor a file');
like($db->client('xy', $pass2, "CREATE TABLE xy01.t (a TEXT); LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE xy01.t",
    '--socket=' . $db->socket, '--local-infile=1'), qr/local infile|not allowed/i, 'nor load a client\'s');
like($db->client('xy', $pass2, 'GRANT SELECT ON xy01.* TO abcdftp@localhost'), qr/denied/, 'nor hand rights on');
unlike($db->sql("SHOW VARIABLES LIKE 'secure_file_priv'"), qr/priv\s*\n/, 'the server\'s own files are shut');

# --- from localhost only ---------------------------------------------------------

my @tcp = ('--protocol=tcp', '--port=' . $db->port);
is($db->client('xy', $pass2, 'SELECT CURRENT_USER()', '--host=127.0.0.1', @tcp), "xy\@localhost\n",
    '127.0.0.1 is localhost');
my ($outside) = map { /inet (\d+\.\d+\.\d+\.\d+)/ && $1 !~ /^127\./ ? $1 : () } qx(ip -4 addr 2>/dev/null);
for my $to (grep {defined} '127.0.0.2', $outside) {
    ok(!IO::Socket::INET->new(PeerAddr => $to, PeerPort => $db->port, Proto => 'tcp', Timeout => 5),
        "nothing listens on $to");
}
my ($listens) = qx(cat /proc/net/tcp /proc/net/tcp6) =~ /: ([0-9A-F]+:@{[sprintf '%04X', $db->port]}) \S+ 0A/;
is($listens, sprintf('0100007F:%04X', $db->port), 'it listens on 127.0.0.1 alone');

# --- drift -----------------------------------------------------------------------

# what is done to it, what check says, and whether the user's connections stay
my @drift = (
    ['a dropped database', 'DROP DATABASE abcdftp03', qr/abcdftp03 is missing/],
    ['a right taken', 'REVOKE INSERT ON abcdftp02.* FROM abcdftp@localhost', qr/abcdftp02: .* not got all/],
    ['all of them taken', 'REVOKE ALL ON abcdftp02.* FROM abcdftp@localhost', qr/abcdftp02: .* not got all/],
    ['another password', "ALTER USER abcdftp\@localhost IDENTIFIED BY 'x'", qr/another password/],
    ['another way in', 'ALTER USER abcdftp@localhost IDENTIFIED VIA unix_socket', qr/another password/],
    ['a second way in', "ALTER USER abcdftp\@localhost IDENTIFIED VIA mysql_native_password USING '$hash' OR unix_socket",
        qr/another password/],
    ['a lock', 'ALTER USER abcdftp@localhost ACCOUNT LOCK', qr/locked/],
    ['another host', "CREATE USER abcdftp\@'%' IDENTIFIED BY 'x'", qr/abcdftp\@% is one too many/],
    ['rights on a neighbour\'s', 'GRANT SELECT ON xy01.* TO abcdftp@localhost', qr/rights on 'xy01'/],
    ['rights by a pattern', 'GRANT SELECT ON `abcdftp%`.* TO abcdftp@localhost', qr/rights on 'abcdftp%'/],
    ['a pattern with a quote', 'GRANT SELECT ON `a``b\'c`.* TO abcdftp@localhost', qr/rights on 'a`b'c'/],
    ['rights on everything', 'GRANT PROCESS ON *.* TO abcdftp@localhost', qr/whole server/],
    ['all rights on everything', 'GRANT ALL ON *.* TO abcdftp@localhost WITH GRANT OPTION', qr/whole server/],
    ['rights on a table', 'CREATE TABLE xy02.t (a INT); GRANT SELECT ON xy02.t TO abcdftp@localhost',
        qr/rights on the table xy02\.t/],
    ['a role', 'CREATE ROLE r; GRANT r TO abcdftp@localhost', qr/rights on the role r/],
    ['the right to grant', 'GRANT ALL ON abcdftp01.* TO abcdftp@localhost WITH GRANT OPTION', qr/may hand rights on/],
);
for (@drift) {
    my ($what, $sql, $like) = @$_;
    $db->sql($sql);
    my $n = said("$what is seen", $like, 'check', 'ab-cdftp', 6, $hash);
    cmp_ok($n, '<=', 2, 'and little else') if $what !~ /dropped/;
    quiet_ok('repaired', 'apply', 'ab-cdftp', 6, $hash);
    quiet_ok('entirely', 'check', 'ab-cdftp', 6, $hash);
}
is(grants(), $grants, 'after all that the rights are those of the beginning');
$db->sql('GRANT PROCESS ON *.* TO abcdftp@localhost');
quiet_ok('repaired without knowing the password', 'apply', 'ab-cdftp', 6);
quiet_ok('which is the same', 'check', 'ab-cdftp', 6, $hash);
said('fewer databases: rights on the others are too much', qr/rights on 'abcdftp06'/, 'check', 'ab-cdftp', 5, $hash);
quiet_ok('taken', 'apply', 'ab-cdftp', 5, $hash);
like($db->sql('SHOW DATABASES'), qr/^abcdftp06$/m, 'the database itself stays');
quiet_ok('and given again', 'apply', 'ab-cdftp', 6, $hash);

quiet_ok('another character set is the customer\'s to choose', 'check', 'ab-cdftp', 6, $hash)
    if $db->client('abcdftp', $pass =~ s/([\\"])/\\$1/gr, 'ALTER DATABASE abcdftp05 CHARACTER SET ujis') eq '';

# --- the password -----------------------------------------------------------------

quiet_ok('another hash', 'hash', 'ab-cdftp', $hash2);
is($db->client('abcdftp', $pass2, 'SELECT 1'), "1\n", 'lets the new password in');
like($db->client('abcdftp', $pass =~ s/([\\"])/\\$1/gr, 'SELECT 1'), qr/denied/, 'and the old one not');
for ('', '*12', "*'" . '0' x 39, lc $hash, "$hash ") {
    my ($rc, $line) = tool('hash', 'ab-cdftp', $_);
    like("$rc $line", qr/^1 -1 .*not of the form/, "'$_' is no hash");
    unlike($line, qr/\Q$_\E/, 'and stands in no message') if length > 5;
}
($rc, my $line) = tool('hash', 'nobody-yet', $hash);
like($line, qr/^-2 .*no MariaDB user nobodyyet\@localhost/, 'a user that is not there');
($rc, $line) = tool('apply', 'nobody-yet', 6);
like($line, qr/^-1 /, 'no user without a password');
unlike($db->sql('SHOW DATABASES'), qr/nobodyyet/, 'and nothing made');

# --- somebody else's ----------------------------------------------------------------

$db->sql("CREATE USER dba\@localhost IDENTIFIED BY 'x'; GRANT ALL ON *.* TO dba\@localhost");
$db->sql("CREATE USER shop\@'%' IDENTIFIED BY 'x'");
$db->sql('CREATE DATABASE crm01; CREATE TABLE crm01.t (a INT)');
my %said = (dba => qr/dba exists and is no customer/, shop => qr/shop exists and is no customer/,
    crm => qr/crm01 has tables, but there is no MariaDB user crm/);
for my $login (sort keys %said) {
    for my $command (['apply', $login, 6, $hash], ['drop', $login]) {
        ($rc, $line) = tool(@$command);
        like($line, qr/^-10 .*$said{$login}/, "$login is not a customer's: $command->[0]");
    }
}
is($db->client('dba', 'x', 'SELECT 1'), "1\n", 'and has its password and rights');
is($db->sql('SELECT COUNT(*) FROM crm01.t'), "0\n", 'and its tables');
quiet_ok('what a broken-off apply left is gone on with', 'apply', 'half', 6, $hash)
    if $db->sql("CREATE USER half\@localhost IDENTIFIED BY 'x'; CREATE DATABASE half01") eq '';
quiet_ok('to the end', 'check', 'half', 6, $hash);

# --- kept, dropped, back -----------------------------------------------------------------

my $dir = tempdir('omakase-dump-XXXXXX', TMPDIR => 1, CLEANUP => 1);
$db->sql(<<'END');
CREATE TABLE abcdftp01.t (a INT PRIMARY KEY, b VARCHAR(50) CHARACTER SET utf8mb4,
    c VARCHAR(50) CHARACTER SET sjis, d BLOB);
INSERT INTO abcdftp01.t VALUES (1, '日本語 🍣', '表示', x'00ff27225c');
CREATE TABLE abcdftp02.gone (a INT);
CREATE VIEW abcdftp02.v AS SELECT * FROM abcdftp02.gone;
CREATE TABLE abcdftp02.there (a INT);
DROP TABLE abcdftp02.gone;
END
my $before = $db->sql('SELECT a, b, c, HEX(c), HEX(d) FROM abcdftp01.t');
my ($size) = (tool('size', 'ab-cdftp'))[1];
cmp_ok($size, '>', 16000, "sizes: $size bytes");
($rc, my @complaints) = tool('dump', 'ab-cdftp', $dir);
is($rc, 0, 'dumped');
like("@complaints", qr/\bv\b/, 'the broken view is said');
is(join(' ', map { s{.*/}{}r } sort glob "$dir/*"), join(' ', map {"abcdftp0$_.sql"} 1 .. 6), 'six files');
is(sprintf('%o', (stat "$dir/abcdftp01.sql")[2] & 0777), '600', 'for nobody else');
like((tool('dump', 'ab-cdftp', $dir))[1], qr/^-8 /, 'not written over');
open my $held, '-|', sprintf q{mariadb --no-defaults --socket='%s' --user=abcdftp --password=other -NB }
    . q{-e 'SELECT 1; SELECT SLEEP(300)' 2>&1}, $db->socket or die;
$db->poll('connection', 20, sub { $db->sql("SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'abcdftp' AND INFO LIKE '%SLEEP(300)%'") });
quiet_ok('dropped', 'drop', 'ab-cdftp');
like(join('', <$held>), qr/Lost connection|gone away|killed/i, 'whoever was connected is not any longer');
close $held;
unlike($db->sql('SHOW DATABASES'), qr/abcdftp/, 'no database');
is($db->sql("SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'abcdftp'"), "0\n", 'no user');
is($db->sql("SELECT COUNT(*) FROM mysql.db WHERE User = 'abcdftp'"), "0\n", 'no right');
quiet_ok('dropped once more', 'drop', 'ab-cdftp');
quiet_ok('a neighbour has all', 'check', 'xy', 6, $hash2);
for my $file (glob "$dir/*.sql") {
    is(qx{mariadb --no-defaults --socket=\Q@{[$db->socket]}\E <\Q$file\E 2>&1}, '', 'read back') if $file =~ /01/;
}
is($db->sql('SELECT a, b, c, HEX(c), HEX(d) FROM abcdftp01.t'), $before, 'and equal');

# --- without a server ------------------------------------------------------------------

is_deeply([$db->unexpected(qr/Access denied for user|Aborted connection/)], [], 'nothing unexpected in its log');
ok($i->stop, 'ends by itself');
($rc, $line) = tool('check', 'ab-cdftp', 6);
like("$rc $line", qr/^1 -5 \Q@{[$db->socket]}\E: MariaDB cannot be reached.*is it running\?/, 'said in words');
done_testing;
