#!/usr/bin/perl
# The wrapper's scan of a script's header accuses nobody of what httpd takes,
# and lets nothing pass that httpd answers with an error of its own: the same
# answers through a stock mod_cgid.
use v5.30;
use warnings;
use File::Path qw(make_path);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Omakase::Daemon;
use Omakase::Instance;

my $src = $ENV{OMAKASE_SRCDIR} // '..';
my $tool = ($ENV{OMAKASE_BUILDDIR} // '.') . '/t/e2e/header_tool';
my $i = Omakase::Instance->new; # for a place; not started
my $dir = $i->root;
my $port = Omakase::Daemon::free_port();

make_path("$dir/www", "$dir/answers");
my %answer = (corpus(), generated(150));
put("$dir/answers/$_", $answer{$_}) for sort keys %answer;
put("$dir/www/a.cgi", "#!/bin/sh\nexec cat '$dir/answers'/\$QUERY_STRING\n");
chmod 0755, "$dir/www/a.cgi";
my @names = sort keys %answer;
my %scanned = map {split} split /\n/, qx($tool @{[map {"$dir/answers/$_"} @names]});
is(scalar keys %scanned, scalar @names, scalar(@names) . ' answers');

my $pid = start();
my (%seen, @differ);
for my $name (@names) {
    my $status = status_of($name);
    my $taken = $status != 500;
    $seen{$taken ? 'taken' : 'refused'}++;
    push @differ, "$name: httpd $status, $scanned{$name}\n$answer{$name}" if $taken != ($scanned{$name} eq 'complete');
}
kill 'TERM', $pid;
waitpid $pid, 0;
is(join("\n", @differ), '', 'the scan says what httpd does');
cmp_ok($seen{$_} // 0, '>=', 20, "some are $_") for qw(taken refused);
done_testing;

# The seeds of the fuzzer.
sub corpus {
    return map { m{([^/]+)\z}; ($1 => slurp($_)) } glob "$src/t/fuzz/corpus/header/*";
}

# Headers of good and bad lines, the same ones every time.
sub generated {
    my ($count) = @_;
    my @good = ('Content-Type: text/plain', 'X-A: b', "X-B:\tc d", 'x_y.z~: 1', "X-C: \xe3\x81\x82", 'Status: 404 x',
        'Status: +201', 'X-Empty:', 'Set-Cookie: a=1', "X\r-D: e", "X-N: a\0\1");
    my @bad = ('text', '<p class="a:b">', 'a b: c', ' fold', ': x', 'Status: x', "X-E: \1", "X\0: y", "\xe3\x81\x82: x",
        'X-A : b', '[x]: y', "X-F: a\x7f");
    my %made;
    srand 1;
    for my $n (1 .. $count) {
        my @lines = map { $good[rand @good] } 1 .. rand 4;
        splice @lines, rand(@lines + 1), 0, $bad[rand @bad] if rand() < 0.5;
        my $end = rand() < 0.5 ? "\n" : "\r\n";
        $made{"generated-$n"} = join('', map {"$_$end"} @lines) . (rand() < 0.9 ? "${end}body" : '');
    }
    return %made;
}

sub start {
    my $modules = $i->layout('httpd_modules');
    my $load = join "\n", map {"LoadModule ${_}_module $modules/mod_$_.so"} qw(mpm_event authz_core mime cgid);
    my $user = $> ? '' : "User www-data\nGroup www-data\n";
    put("$dir/stock.conf", "$load\n$user" . <<"END");
ServerRoot $dir
DefaultRuntimeDir $dir/run
PidFile $dir/run/stock.pid
ScriptSock $dir/run/cgisock
ErrorLog $dir/log/stock.log
Listen 127.0.0.1:$port
ServerName stock.localhost
TypesConfig /etc/mime.types
DocumentRoot $dir/www
<Directory $dir/www>
    Options ExecCGI
    AddHandler cgi-script .cgi
    Require all granted
</Directory>
END
    my $child = fork // die "fork: $!";
    if (!$child) {
        POSIX::setsid(); # its stop signals the whole process group
        open STDOUT, '>', "$dir/log/stock.out";
        open STDERR, '>&', \*STDOUT;
        exec $i->layout('httpd'), '-DFOREGROUND', '-f', "$dir/stock.conf" or POSIX::_exit(127);
    }
    $i->httpd->poll('stock', 20, sub {
        waitpid($child, POSIX::WNOHANG) and die "httpd ended:\n" . slurp("$dir/log/stock.out") . slurp("$dir/log/stock.log");
        return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    }) or do { kill 'TERM', $child; waitpid $child, 0; die "httpd did not start\n" };
    return $child;
}

# HTTP::Tiny is stricter than a browser about what a script may send.
sub status_of {
    my ($name) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "connect: $!";
    syswrite $s, "GET /a.cgi?$name HTTP/1.0\r\n\r\n";
    my $line = <$s> // '';
    return $line =~ m{\AHTTP/1\.\d (\d{3})} ? $1 : "'$line'";
}

sub put {
    my ($file, $text) = @_;
    open my $fh, '>:raw', $file or die "$file: $!";
    print {$fh} $text;
    close $fh or die "$file: $!";
    return;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return '';
    local $/;
    return <$fh> // '';
}
