#!/usr/bin/perl
# A hostile customer's CGI scripts on a whole node: what they reach of a
# neighbour's and of the server's, what their .htaccess can turn, what a visitor
# can send, and output that would fill a disk or httpd's memory.
# P37, P40, P41, P43.
use v5.30;
use warnings;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket;
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::CgiDaemon;
use Omakase::Provision;

plan skip_all => 'needs root: users, and daemons that become them' if $>;
my $n = Omakase::Provision->new;
plan skip_all => 'needs mod_cgi_wrapper' if !-e "$n->{layout}{modules}/mod_cgi_wrapper.so";

my ($mallory, $alice) = map { $n->login } 1, 2;
my %host = ($mallory => 'mallory.localhost', $alice => 'alice.localhost');
my $root = $n->root;
my %tree = map { $_ => "$root/srv/omakase/$_" } $mallory, $alice;
*until_true = \&Omakase::CgiDaemon::until_true;

$n->conf(qq(cgi { wall = 20 cpu = 10 memory = "128M" processes = 20 output = "20M" }\n));
ok_run("$_ is added", 'customer', 'add', $_, '--domain', $host{$_}) for $mallory, $alice;
ok_run('applied', 'apply');
ok_run('started', 'start');
ok_run('and as it should be', 'apply');
my %id = map { $_ => [(getpwnam $_)[2, 3]] } $mallory, $alice;

sub ok_run {
    my ($name, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = $n->omakase(@args);
    is($code, 0, $name) or diag("$out$err"), BAIL_OUT('no node to attack');
    return;
}

sub put {
    my ($who, $name, $text, $mode) = @_;
    my $file = "$tree{$who}/web/$name";
    system 'mkdir', '-p', $file =~ s{/[^/]*\z}{}r;
    unlink $file;
    open my $fh, '>', $file or die "$file: $!";
    print {$fh} $text;
    close $fh or die "$file: $!";
    for (my $path = $file; length $path > length "$tree{$who}/web"; $path =~ s{/[^/]*\z}{}) {
        chown @{$id{$who}}, $path;
    }
    chmod $mode // 0755, $file;
    return $file;
}

# What the shell's lines say as who's CGI: "200 text", without blanks at the end.
my $scripts = 0;
sub cgi {
    my ($who, $lines, @headers) = @_;
    my $name = 'probe' . ++$scripts . '.cgi';
    my $file = put($who, $name, "#!/bin/sh\necho Content-Type: text/plain\necho\n$lines\n");
    my $r = $n->get($host{$who}, "/$name", @headers);
    unlink $file;
    return "$r->{status} $r->{content}" =~ s/\s+\z//r;
}

sub get { my ($who, $path, @headers) = @_; return $n->get($host{$who}, $path, @headers) }

sub slurp {
    my ($file) = @_;
    open my $fh, '<', $file or return '';
    local $/;
    return <$fh> // '';
}

sub processes {
    my ($who) = @_;
    return grep { ((stat "/proc/$_")[4] // -1) == $id{$who}[0] && slurp("/proc/$_/stat") !~ /\) Z / && slurp("/proc/$_/cmdline") !~ /php-fpm/ }
        map { m{(\d+)\z} } glob '/proc/[0-9]*';
}

# A request whose answer is read by hand; the socket.
sub connection {
    my ($who, $request) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $n->port, Proto => 'tcp') or die "connect: $@";
    print {$s} $request =~ s/HOST/www.$host{$who}/r;
    return $s;
}

# --- whom it runs as -------------------------------------------------------------
is(cgi($_, 'echo $(id -u) $(id -g) $(id -G)'), "200 $id{$_}[0] $id{$_}[1] $id{$_}[1]", "a script of $_ is $_, in no other group")
    for $mallory, $alice;

# --- files ------------------------------------------------------------------------
my $secret = "alices own secret $$";
put($alice, 'config.php', "<?php // $secret\n", 0644);
put($alice, 'open.cgi', "#!/bin/sh\necho Content-Type: text/plain\necho\necho alices $secret\n");
get($alice, '/nobody-knows');
cgi($alice, 'echo her own words >&2');
my $run = "$root/run/omakase";
my @of_alice = map { "$tree{$alice}/$_" } 'web/config.php', 'web/open.cgi', 'log/web.log', 'log/error.log';
my @of_root = ("$root/var/log/omakase/httpd-error.log", "$root/var/log/omakase/cgi.log", "$root/etc/omakase/customers.d/$alice.conf", "$root/var/lib/omakase/current/httpd/$alice.conf", '/etc/shadow');
for (@of_alice, @of_root) {
    my $name = s/\Q$root\E//r;
    isnt(slurp($_), '', "$name: there is something to read");
    is(cgi($mallory, "cat $_ 2>/dev/null"), '200', "$name: not for a script of her neighbour's");
    is(cgi($mallory, "echo mine 2>/dev/null >>$_ && echo wrote"), '200', 'nor written') if $_ ne '';
}
for ("$tree{$alice}/web", "$tree{$alice}/tmp", "$root/srv/omakase", "$root/var/lib/omakase/cgi") {
    my $name = s/\Q$root\E//r;
    ok(-d $_, "$name: is there");
    is(cgi($mallory, "ls $_ 2>/dev/null; mkdir $_/mine 2>/dev/null && echo made"), '200', "$name: neither listed nor added to");
}
my @sockets = glob "$run/cgi.sock*";
cmp_ok(scalar @sockets, '>=', 1, 'the operator has a socket');
is(cgi($mallory, qq{perl -MIO::Socket::UNIX -e 'print "connected" if IO::Socket::UNIX->new(Peer => shift)' $_}), '200', 'which no script connects to') for @sockets;

# --- links -----------------------------------------------------------------------
symlink "$tree{$alice}/web/open.cgi", "$tree{$mallory}/web/link.cgi" or die $!;
symlink "$tree{$alice}/web", "$tree{$mallory}/web/dir" or die $!;
POSIX::lchown(@{$id{$mallory}}, "$tree{$mallory}/web/$_") for qw(link.cgi dir);
link "$tree{$alice}/web/open.cgi", "$tree{$mallory}/web/hard.cgi" or die $!;
my %before = map { $_ => get($alice, '/open.cgi')->{content} } $alice;
like($before{$alice}, qr/alices \Q$secret/, 'what alice has runs');
for (qw(link.cgi dir/open.cgi hard.cgi)) {
    my $r = get($mallory, "/$_");
    is($r->{status}, 403, "/$_ is refused");
    unlike($r->{content}, qr/\Q$secret/, 'and says nothing');
}
unlink map { "$tree{$mallory}/web/$_" } qw(link.cgi dir hard.cgi);

# --- what visitors send ----------------------------------------------------------------
put($mallory, 'env.cgi', "#!/bin/sh\necho Content-Type: text/plain\necho\necho \"arguments \$#\"\nenv\n");
my $content = get($mallory, '/env.cgi/../../etc/passwd')->{content};
unlike($content, qr/root:/, 'PATH_INFO with .. shows no file');
$content = get($mallory, '/env.cgi/%2e%2e/%2e%2e/%2e%2e/etc/passwd')->{content};
unlike($content, qr/root:/, 'nor encoded');
like(get($mallory, '/env.cgi/a/b')->{content}, qr{^PATH_INFO=/a/b$}m, 'it is data');
unlike(get($mallory, '/env.cgi', Proxy => 'http://evil.localhost/')->{content}, qr/HTTP_PROXY/, 'Proxy: makes no HTTP_PROXY');
unlike(get($mallory, '/env.cgi', Authorization => 'Basic c2VjcmV0')->{content}, qr/AUTHORIZATION|c2VjcmV0/i, 'a password is httpd\'s alone');
like(get($mallory, '/env.cgi?-x+-d+foo')->{content}, qr/^arguments 0$/m, 'a query makes no arguments');
like(get($mallory, '/env.cgi', 'X-Shell' => '() { :; }; echo vulnerable')->{content}, qr/^HTTP_X_SHELL=\(\)/m, 'a function for bash is text');
{
    my $headers = join '', map { "X-Header-$_: " . 'y' x 8000 . "\r\n" } 1 .. 90;
    my $s = connection($mallory, "GET /env.cgi HTTP/1.0\r\nHost: HOST\r\n$headers\r\n");
    my $answer = do { local $/; <$s> };
    like($answer, qr{\AHTTP/1\.1 200 }, '90 headers of 8,000 bytes are taken') or diag(substr $answer, 0, 300);
    my $arrived = () = $answer =~ /^HTTP_X_HEADER_\d+=y{8000}$/mg;
    is($arrived, 90, 'all of them arrive');
}
SKIP: {
    skip 'no php-cgi', 6 if !-x '/usr/bin/php-cgi';
    put($mallory, 'php.cgi', "#!/usr/bin/php\n<?php echo 'ran ', 'as ', posix_geteuid();");
    for ('', '?-s', '?-d+x', '?-n+-d+auto_prepend_file%3d/etc/passwd', '?--version', '?%ADd+allow_url_include%3d1') {
        is(get($mallory, "/php.cgi$_")->{content}, "ran as $id{$mallory}[0]", "php.cgi$_ is no option");
    }
}

# --- .htaccess --------------------------------------------------------------------------
put($mallory, 'h/env.cgi', "#!/bin/sh\necho Content-Type: text/plain\necho\nid -u\nenv\n");
put($mallory, 'h/page.html', "page\n", 0644);
for ("CGIWrapperUser $alice", "CGIWrapper on\nCGIWrapperUser root", "CGIWrapperRoot $tree{$alice}/web", 'CGIWrapperLimit cpu=0', 'CGIWrapperPassEnv LD_PRELOAD',
    'CGIWrapperInterpreter /bin/sh /tmp/x', 'CGIWrapperExecCmd on', 'CGIWrapperDiagnostics 0.0.0.0/0', 'CGIWrapperProgram /bin/true',
    "SuexecUserGroup $alice $alice", 'CGIWrapperStrict off', 'CGIWrapperConfine off', 'CGIPassAuth on', 'Options +FollowSymLinks', 'ScriptSock /tmp/x') {
    put($mallory, 'h/.htaccess', "$_\n", 0644);
    my $r = get($mallory, '/h/env.cgi', Authorization => 'Basic c2VjcmV0');
    my $said = $r->{content};
    if (/CGIPassAuth/) { # its own visitors' passwords, as AuthConfig allows it
        ok($r->{status} == 500 || $said =~ /\A$id{$mallory}[0]\n/, "$_: as httpd has it");
        next;
    }
    is($r->{status}, 500, "$_ is not allowed there" =~ s/\Q$root\E//r =~ s/\n/; /gr);
    unlike($said, qr/PATH=/, 'and nothing runs');
}
for (['SetEnv LD_PRELOAD /tmp/evil.so', qr/LD_PRELOAD/], ['SetEnv PATH /tmp', qr{^PATH=/tmp}m], ['SetEnv HOME /root', qr{^HOME=/root}m],
    ["SetEnv DOCUMENT_ROOT /\nSetEnv REMOTE_USER root\nSetEnv PERL5OPT -Mevil", qr/PERL5OPT/], ['SetEnv BASH_ENV /tmp/x', qr/BASH_ENV/]) {
    my ($lines, $pattern) = @$_;
    put($mallory, 'h/.htaccess', "$lines\n", 0644);
    my $r = get($mallory, '/h/env.cgi');
    is($r->{status}, 200, 'it runs');
    unlike($r->{content}, $pattern, "$lines: does not get in" =~ s/\n/; /gr);
}
for (["SetHandler omakase-cgi", '/h/page.html', 403], ["SetHandler omakase-cgi", '/h/', 403], ["SetHandler omakase-cgi", '/h/missing', 404],
    ["RewriteEngine on\nRewriteRule ^x\$ $tree{$alice}/web/open.cgi [H=omakase-cgi]", '/h/x', 404],
    ["RewriteEngine on\nRewriteRule ^x\$ file://$tree{$alice}/web/open.cgi [H=omakase-cgi]", '/h/x', 0],
    ["Options -ExecCGI", '/h/env.cgi', 403]) {
    my ($lines, $path, $status) = @$_;
    put($mallory, 'h/.htaccess', "$lines\n", 0644);
    my $r = get($mallory, $path);
    my $name = "$lines $path" =~ s/\Q$root\E//r =~ s/\n/; /gr;
    $status ? is($r->{status}, $status, "$name: refused") : isnt($r->{status}, 200, "$name: refused");
    unlike($r->{content}, qr/\Q$secret\E|echo Content/, 'and nothing is shown');
}
unlink "$tree{$mallory}/web/h/.htaccess";

# --- output -------------------------------------------------------------------------------
put($mallory, 'forge.cgi', qq{#!/usr/bin/perl\nprint STDERR "x\\n[Mon Jan 01 00:00:00.000000 2024] [core:error] [pid 1] AH00001: forged\\n\\e]0;title\\a\\r[forged too]\\n"; print "Content-Type: text/plain\\n\\nok\\n";\n});
is(get($mallory, '/forge.cgi')->{content}, "ok\n", 'a script that writes to the log');
my $log = slurp("$tree{$mallory}/log/error.log");
like($log, qr/AH00001: forged/, 'has its words in its own log');
unlike($log, qr/^\[Mon Jan 01 00:00:00/m, 'behind a date of httpd\'s');
unlike($log, qr/[\x00-\x09\x0b-\x1f\x7f]/, 'and nothing for a terminal');
unlike(slurp("$root/var/log/omakase/httpd-error.log"), qr/forged/, 'the server\'s log has none of it');

sub log_size { return -s "$tree{$mallory}/log/error.log" }
sub rss {
    my $most = 0;
    my ($parent) = ($n->slurp('run/omakase/httpd.pid') // '') =~ /(\d+)/;
    for my $pid (map { m{(\d+)\z} } glob '/proc/[0-9]*') {
        next if slurp("/proc/$pid/stat") !~ /\) \S $parent /;
        $most = $1 if slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m && $1 > $most;
    }
    return $most;
}
get($mallory, '/forge.cgi') for 1 .. 5;
my ($logged, $rss) = (log_size(), rss());
put($mallory, 'stderr.cgi', qq{#!/usr/bin/perl\nprint "Content-Type: text/plain\\n\\nbegun\\n"; my \$x = "x" x 99 . "\\n"; \$x x= 10000; print STDERR \$x for 1 .. 1000; print "done\\n";\n});
like(get($mallory, '/stderr.cgi')->{content}, qr/\Abegun\n/, 'a gigabyte of standard error');
cmp_ok(log_size() - $logged, '<', 8 << 20, 'does not fill the log');
cmp_ok(rss() - $rss, '<', 32 << 10, 'nor httpd\'s memory');
put($mallory, 'line.cgi', qq{#!/usr/bin/perl\nmy \$x = "x" x (1 << 20); print STDERR \$x for 1 .. 200; print "Content-Type: text/plain\\n\\ndone\\n";\n});
get($mallory, '/line.cgi');
cmp_ok(rss() - $rss, '<', 32 << 10, 'nor does one line without end');
put($mallory, 'header.cgi', qq{#!/usr/bin/perl\n\$| = 1; print "Content-Type: text/plain\\n"; my \$i; print "X-Header-", \$i++, ": ", "y" x 1000, "\\n" while 1;\n});
is(get($mallory, '/header.cgi')->{status}, 500, 'a header without end is an error');
put($mallory, 'name.cgi', qq{#!/usr/bin/perl\n\$| = 1; print "y" x 100000 while 1;\n});
is(get($mallory, '/name.cgi')->{status}, 500, 'and a line of it');
cmp_ok(rss() - $rss, '<', 32 << 10, 'httpd keeps its size');
ok(until_true(sub { !processes($mallory) }), 'and nothing of it is left');
put($mallory, 'page.cgi', qq{#!/usr/bin/perl\n\$| = 1; print "Content-Type: text/plain\\n\\n"; print "y" x 100000 while 1;\n});
{
    my $s = connection($mallory, "GET /page.cgi HTTP/1.1\r\nHost: HOST\r\n\r\n");
    my ($got, $tail) = (0, '');
    while (my $k = sysread $s, my $text, 1 << 20) {
        $got += $k;
        $tail = substr $tail . $text, -7;
        last if $got > 200 << 20;
    }
    cmp_ok($got, '<', 22 << 20, 'a page without end is cut at the limit');
    isnt($tail, "\r\n0\r\n\r\n", 'and does not look whole');
}
for (['a header that is split', "X-A: b\\r\\n\\r\\n<script>", qr/\A/], ['a status of its own', "Status: 999 no", qr/\A/]) {
    my ($name, $header) = @$_;
    put($mallory, 'odd.cgi', qq{#!/usr/bin/perl\nprint "$header\\nContent-Type: text/plain\\n\\nx\\n";\n});
    my $r = get($mallory, '/odd.cgi');
    cmp_ok($r->{status}, '>=', 200, "$name: is answered");
}
put($mallory, 'away.cgi', "#!/bin/sh\necho \"Location: $_\"\necho\n") , isnt(get($mallory, '/away.cgi')->{content} =~ /root:|\Q$secret\E/, 1, "Location: $_ shows nothing")
    for '/etc/passwd', '/../../../../etc/passwd', "$tree{$alice}/web/config.php", 'file:///etc/passwd', '/.htaccess', '/away.cgi';

# --- ends --------------------------------------------------------------------------------
put($mallory, 'deaf.cgi', <<'EOT');
#!/usr/bin/perl
use POSIX ();
$SIG{$_} = 'IGNORE' for qw(TERM HUP INT PIPE);
$| = 1;
print "Content-Type: text/plain\n\nbegun\n";
for (1 .. 3) { next if fork; POSIX::setsid(); exit if fork; close $_ for *STDOUT, *STDERR; sleep 1 while 1 }
sleep 1 while 1;
EOT
for my $when ('while it is read', 'at once') {
    my $s = connection($mallory, "GET /deaf.cgi HTTP/1.1\r\nHost: HOST\r\n\r\n");
    until_true(sub { processes($mallory) >= 4 });
    sysread $s, my $text, 4096 if $when =~ /read/;
    close $s;
    ok(until_true(sub { !processes($mallory) }), "a visitor who leaves $when: nothing of a script that does not want to go is left");
}
put($mallory, 'bomb.cgi', "#!/usr/bin/perl\nwhile (1) { fork }\n");
put($mallory, 'fill.cgi', "#!/usr/bin/perl\nmy \@a; while (1) { push \@a, 'x' x (1 << 20) }\n");
put($mallory, 'spin.cgi', "#!/usr/bin/perl\n\$SIG{XCPU} = 'IGNORE'; 1 while 1;\n");
my @attack = map { connection($mallory, "GET /$_.cgi HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n") } qw(bomb fill spin) x 2;
until_true(sub { processes($mallory) >= 10 });
put($alice, 'still.cgi', "#!/usr/bin/perl\nprint \"Content-Type: text/plain\\n\\nserved\\n\";\n");
is(get($alice, '/still.cgi')->{content}, "served\n", 'P43: alice is served while mallory forks, fills and spins') for 1 .. 3;
is(get($alice, '/open.cgi')->{status}, 200, 'and again');
for (@attack) {
    my $answer = do { local $/; <$_> } // '';
    like($answer, qr{\AHTTP/1\.1 50\d }, 'each of them is ended with an error');
}
ok(until_true(sub { !processes($mallory) }), 'nothing of them is left');
{
    put($mallory, 'long.cgi', "#!/bin/sh\nexec sleep 15\n");
    my @runs = map { connection($mallory, "GET /long.cgi HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n") } 1 .. 14;
    until_true(sub { processes($mallory) >= 10 });
    my $r = get($mallory, '/long.cgi');
    is($r->{status}, 503, 'more at once than allowed: 503');
    ok($r->{headers}{'retry-after'}, 'and when to come again');
    is(scalar(my @at_once = processes($mallory)), 10, 'ten run');
    is(get($alice, '/still.cgi')->{content}, "served\n", 'the neighbour\'s are counted by themselves');
    close $_ for @runs;
    ok(until_true(sub { !processes($mallory) }), 'they end with their visitors');
}
done_testing;
