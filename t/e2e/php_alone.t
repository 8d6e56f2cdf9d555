#!/usr/bin/perl
# mod_php_pool in an Apache that has no directive of it: what proxies there by
# .htaccess goes on (stock.t compares all other answers), no directive becomes
# known or unknown. And what is refused at the start, and that memory stays flat.
use v5.30;
use warnings;
use File::Path qw(make_path);
use IO::Socket::INET;
use POSIX ();
use HTTP::Tiny;
use Test::More;
use Omakase::Client qw(get);
use Omakase::Instance;

my $layout = Omakase::Instance->new(daemons => []);
my $so = $layout->layout('modules') . '/mod_php_pool.so';
plan skip_all => 'mod_php_pool is not in this stage' if !-e $so;
my $confd = $layout->root . '/confd';
make_path("$confd/httpd");
my $inner = internal_server();

my @MODULES = qw(authz_core dir mime env setenvif proxy proxy_http proxy_fcgi);
my $US = qq{LoadModule php_pool_module "$so"\n};

my @cases = (
    ['plain', '', 'text', 200],
    ['handler', "SetHandler \"proxy:http://127.0.0.1:$inner->{port}\"\n", 'INTERNAL', 200],
    ['add', "AddHandler \"proxy:http://127.0.0.1:$inner->{port}\" .txt\n", 'INTERNAL', 200],
    ['type', "ForceType text/x-own\n", 'text', 200],
    ['fcgi', "ProxyFCGIBackendType GENERIC\n", 'text', 200],
    ['fcgi-bad', "ProxyFCGIBackendType NONE\n", undef, 500],
    ['no-rewrite', "RewriteEngine On\n", undef, 500],
    ['no-rule', "RewriteRule . - [F]\n", undef, 500],
    ['no-action', "Action a /b\n", undef, 500],
    ['if-module', "<IfModule mod_rewrite.c>\nRewriteRule . - [F]\n</IfModule>\n", 'text', 200],
    ['pool', "PHPPool /x.sock\n", undef, 500],
    ['guard', "PHPPoolGuard off\n", undef, 500],
);
for my $load ('', $US) {
    my $i = stock($load);
    for (@cases) {
        my ($dir, undef, $text, $status) = @$_;
        my $r = get($i, 'x.localhost', "/$dir/a.txt");
        my $name = ($load ? 'with' : 'without') . " mod_php_pool: $dir";
        is($r->{status}, $status, "$name: $status");
        is($r->{content}, $text, "$name: $text") if defined $text;
        is($r->{headers}{'content-type'}, 'text/x-own', "$name: its type") if $dir eq 'type';
    }
    my $log = $i->httpd->log_text;
    my $rule = () = $log =~ /no-rule.*Invalid command 'RewriteRule', perhaps misspelled or defined by a module not included/g;
    is($rule, 1, 'an unknown directive is as unknown as before');
    unlike($log, qr/OMK02/, 'nothing of ours in the log');
    ok($i->stop, 'stops');
}
refused();
man_page();
memory_is_flat();
done_testing;

# An httpd of the distribution's modules only, and a directory a case.
sub stock {
    my ($load, $more, %o) = @_;
    my $list = $load && !$o{unstarted} ? 'PHPPool PHPPoolGuard' : 'None';
    my $user = $> == 0 ? "User www-data\nGroup www-data\n" : '';
    my $modules = join '', map {qq{LoadModule ${_}_module "\${HTTPD_MODULES}/mod_$_.so"\n}} @MODULES;
    open my $fh, '>', "$confd/httpd/httpd.conf" or die "$confd: $!";
    print {$fh} <<"EOT";
LoadModule mpm_\${OMAKASE_MPM}_module "\${HTTPD_MODULES}/mod_mpm_\${OMAKASE_MPM}.so"
$modules$load$user
ServerRoot "\${OMAKASE_ROOT}"
DefaultRuntimeDir "\${OMAKASE_ROOT}/run"
PidFile "\${OMAKASE_ROOT}/run/httpd.pid"
ErrorLog "\${OMAKASE_ROOT}/log/httpd-error.log"
ServerName stock.localhost
TypesConfig /etc/mime.types
DocumentRoot "\${OMAKASE_ROOT}/srv/x/web"
MaxKeepAliveRequests 0
<Directory "\${OMAKASE_ROOT}/srv">
    AllowOverride All
    AllowOverrideList $list
</Directory>
EOT
    print {$fh} $more // '';
    close $fh;
    my $i = Omakase::Instance->new(stage => $layout->{stage}, confd => $confd, daemons => ['httpd'], %o);
    for (@cases) {
        my ($dir, $htaccess) = @$_;
        $i->put('x', "web/$dir/.htaccess", $htaccess);
        $i->put('x', "web/$dir/a.txt", 'text');
    }
    $i->httpd->configure, return $i if $o{unstarted};
    return $i->start;
}

# Configurations that would not do what they say.
sub refused {
    my @refused = (
        ['no mod_proxy_fcgi', [grep { !/fcgi/ } @MODULES], $US, "PHPPool /run/a.sock\n", qr/OMK0211: php_pool: .*PHPPool needs mod_proxy and mod_proxy_fcgi/],
        ['loaded before mod_proxy', [grep { !/proxy/ } @MODULES], $US . join('',
            map {qq{LoadModule ${_}_module "\${HTTPD_MODULES}/mod_$_.so"\n}} qw(proxy proxy_fcgi)), "PHPPool /run/a.sock\n",
            qr/OMK0211: php_pool: .*load mod_php_pool after mod_proxy/],
        ['the guard, loaded before mod_proxy', [grep { !/proxy/ } @MODULES],
            qq{${US}LoadModule proxy_module "\${HTTPD_MODULES}/mod_proxy.so"\n}, "PHPPoolGuard on\n",
            qr/OMK0211: php_pool: .*load mod_php_pool after mod_proxy/],
        (map { ["PHPPool $_->[0]", \@MODULES, $US, "PHPPool $_->[1]\n", qr/PHPPool: '.*' is not a socket's path/] }
            ['with a bar', '"/run/a|fcgi://b"'], ['with a tab', "\"/run/a\tb\""], ['with a query', '/run/a?b'],
            ['with an escape', '/run/a%41'], ['too long', '/run/' . 'x' x 120]),
        ['PHPPool without a path', \@MODULES, $US, "PHPPool\n", qr/PHPPool takes one argument/],
        ['PHPPoolGuard maybe', \@MODULES, $US, "PHPPoolGuard maybe\n", qr/PHPPoolGuard must be On or Off/],
        (map { ["$_ in a directory", \@MODULES, $US, "<Directory />\n$_\n</Directory>\n", qr/not allowed (?:here|within|in) /] }
            'PHPPool /run/a.sock', 'PHPPoolGuard off'),
    );
    my @all = @MODULES;
    for (@refused) {
        my ($name, $modules, $load, $conf, $why) = @$_;
        @MODULES = @$modules;
        my $i = stock($load, $conf, unstarted => 1);
        my ($ok, $out) = $i->httpd->check;
        # What post_config finds, -t does not run.
        my @c = ("timeout", 20, map { quotemeta } $i->httpd->command);
        $out .= qx{@c 2>&1} . $i->httpd->log_text if $ok && $why =~ /OMK0211/;
        like($out, $why, "refused: $name");
    }
    @MODULES = @all;
    for ("PHPPool /run/a.sock\n", "PHPPool \"/run/it's a b.sock\"\n", "PHPPool php/a.sock\nPHPPoolGuard off\n",
        "<VirtualHost *:*>\nServerName v\nPHPPool /run/v.sock\n</VirtualHost>\n") {
        my ($ok, $out) = stock($US, $_, unstarted => 1)->httpd->check;
        ok($ok, 'taken: ' . s/\n/; /gr) or diag $out;
    }
    return;
}

sub man_page {
    my $page = $layout->layout('man') . '/man8/mod_php_pool.8';
    ok(-s $page, 'the man page is installed') or return;
    my $text = do { local (@ARGV, $/) = $page; <> };
    like($text, qr/^\.Ss $_\n.*?^\.Ic $_ /ms, "and has $_ with its syntax") for qw(PHPPool PHPPoolGuard);
    like($text, qr/^\.It OMK021$_\n/m, "and OMK021$_") for 1 .. 5;
    SKIP: {
        skip 'no mandoc here', 1 if !grep { -x "$_/mandoc" } split /:/, $ENV{PATH};
        is(scalar qx{mandoc -T lint -W warning '$page' 2>&1}, '', 'mandoc has nothing against it');
    }
    return;
}

# Directives of a .htaccess are noted for each request, in the request's pool.
sub memory_is_flat {
    my $i = stock($US, "PHPPoolGuard on\n", mpm => 'prefork');
    $i->put('x', 'web/many/.htaccess', "SetHandler none\n" . "AddType text/x-own .own\n" x 50);
    $i->put('x', 'web/many/a.txt', 'text');
    my $http = HTTP::Tiny->new(keep_alive => 1, timeout => 30);
    my $url = 'http://127.0.0.1:' . $i->httpd->port . '/many/a.txt';
    my $bad = 0;
    my $round = sub { $bad += $http->get($url)->{status} != 200 for 1 .. $_[0]; return };
    $round->(500);
    my %before = map { $_ => anon($_) } $i->httpd->children;
    $round->(4000);
    is($bad, 0, '4,500 requests');
    for my $pid (sort keys %before) {
        cmp_ok(anon($pid) - $before{$pid}, '<', 64, "process $pid: RssAnon does not grow (KiB)");
    }
    ok($i->stop, 'stops');
    return;
}

sub anon {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/status" or return 0;
    local $/;
    return <$fh> =~ /^RssAnon:\s+(\d+)/m ? $1 : 0;
}

# Ended with the test, however that ends: it holds its output open.
END {
    local $?;
    if ($inner && $inner->{owner} == $$) {
        kill 'TERM', $inner->{pid};
        waitpid $inner->{pid}, 0;
    }
}

# Answers INTERNAL to whoever connects.
sub internal_server {
    my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 20, Proto => 'tcp') or die "socket: $@";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        while (my $c = $s->accept) {
            while (my $line = <$c>) { last if $line =~ /\A\r?\n\z/ }
            print {$c} "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nINTERNAL";
            close $c;
        }
        POSIX::_exit(0);
    }
    return {pid => $pid, owner => $$, port => $s->sockport};
}
