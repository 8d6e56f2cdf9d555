#!/usr/bin/perl
# A hostile customer: every way from a .htaccess to a neighbour's pool, to a
# proxy and to PHP's settings that is known, tried twice. On a set-up as it
# usually is (mod_proxy_fcgi by SetHandler, PHPPoolGuard off) it has to succeed
# where the table says so, else the test tests nothing; on ours it has to fail,
# and the log has to say where it stands.
use v5.30;
use warnings;
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json);
use POSIX ();
use Test::More;
use Omakase::Client qw(get);
use Omakase::Instance;

plan skip_all => 'needs root: two customers with user ids of their own' if $> != 0;
my $probe = Omakase::Instance->new(daemons => ['php-fpm']);
plan skip_all => 'mod_php_pool is not in this stage' if !-e $probe->layout('modules') . '/mod_php_pool.so';
plan skip_all => 'no php-fpm here' if !defined $probe->daemon('php-fpm')->program;

my $inner = internal_server();
my ($evil, $victim) = ('www.evil.localhost', 'www.victim.localhost');
my $LOAD = join '', map {qq{LoadModule ${_}_module "\${HTTPD_MODULES}/mod_$_.so"\n}}
    qw(slotmem_shm lbmethod_byrequests);
my $MODULES = join '', map {qq{LoadModule ${_}_module "\${HTTPD_MODULES}/mod_$_.so"\n}}
    qw(proxy_http proxy_wstunnel proxy_balancer actions);

# AddHandler and ForceType lower the case of what they are given.
my $where = sprintf '/tmp/omakase-attack-%x', $$;

# What an attack is after: a file of the neighbour's, what answers inside the
# machine only, the own pool without its limits, the operator's balancer, a
# script under another's name.
my %GOAL = (
    neighbour => qr/SECRET/,
    inner => qr/INTERNAL/,
    limits => qr/OUTSIDE/,
    manager => qr/Load Balancer Manager/,
    other => qr/\AOTHER/,
    none => qr/NOTHING/,
);
my $READ = <<'PHP';
<?php
header('X-Script: ' . __FILE__);
echo 'ran as ', posix_geteuid(), "\n", 'open_basedir ', ini_get('open_basedir'), "\n", ini_get('user_agent'), "\n";
foreach (['victim/web/secret.txt', '../outside.txt'] as $f)
    echo @file_get_contents(dirname(__DIR__, 3) . "/$f"), "\n";
PHP

is(hostile('stock', 'event'), 0, 'stock set-up: nothing unexpected in the logs');
is(hostile('ours', $_), 0, "ours, $_: nothing unexpected in the logs") for qw(event worker prefork);
operator();
from_a_script();
done_testing;

# [name, goal, .htaccess, {more files}, path, what it does on a stock set-up:
# 'works' or 'fails', directive that the log has to name]
sub attacks {
    my ($root) = @_;
    my $sock = "$root/run/php/victim.sock";
    my $proxy = "proxy:unix:$sock|fcgi://localhost";
    my $free = "SetEnv PHP_ADMIN_VALUE \"open_basedir=/\"\n";
    my $here = "$root/srv/evil/web";
    my $http = "http://127.0.0.1:$inner->{port}";
    my $rw = "RewriteEngine On\n";
    my $dir = '@DIR@';
    return (
        # --- the neighbour's pool
        ['SetHandler', 'neighbour', "${free}SetHandler \"$proxy\"\n", {}, 'read.html', 'works', 'SetHandler'],
        ['SetHandler in <Files>', 'neighbour', "$free<Files read.php>\nSetHandler \"$proxy\"\n</Files>\n", {}, 'read.php', 'works', 'SetHandler'],
        ['SetHandler in <FilesMatch>', 'neighbour', "$free<FilesMatch .>\nSetHandler \"$proxy\"\n</FilesMatch>\n", {}, 'read.php', 'works', 'SetHandler'],
        ['SetHandler in <If>', 'neighbour', "$free<If \"true\">\nSetHandler \"$proxy\"\n</If>\n", {}, 'read.php', 'works', 'SetHandler'],
        ['SetHandler in <IfModule>', 'neighbour', "$free<IfModule core.c>\n<Files *>\nSetHandler \"$proxy\"\n</Files>\n</IfModule>\n", {}, 'read.php', 'works', 'SetHandler'],
        ['SetHandler by a variable', 'neighbour', "${free}SetEnvIf Request_URI . S=$sock\n<Files *>\nSetHandler \"proxy:unix:%{ENV:S}|fcgi://localhost\"\n</Files>\n", {}, 'read.php', 'works', 'SetHandler'],
        ['SetHandler, all of it a variable', 'neighbour', "${free}SetEnvIf Request_URI . S=$proxy\n<Files *>\nSetHandler \"%{ENV:S}\"\n</Files>\n", {}, 'read.php', 'works', 'SetHandler'],
        ['SetHandler by a header of the request', 'neighbour', "$free<Files *>\nSetHandler \"%{HTTP:X-Aim}\"\n</Files>\n", {}, 'read.php', 'works', 'SetHandler'],
        ['SetHandler by a query', 'neighbour', "$free<Files *>\nSetHandler \"%{unescape:%{QUERY_STRING}}\"\n</Files>\n", {}, "read.php?$proxy", 'works', 'SetHandler'],
        ['SetHandler over TCP', 'inner', "SetHandler \"proxy:$http\"\n", {}, 'read.html', 'works', 'SetHandler'],
        ['AddHandler', 'neighbour', "${free}AddHandler \"$proxy\" .html\n", {}, 'read.html', 'works', 'AddHandler'],
        ['AddHandler over SetHandler none', 'neighbour', "$free<Files *>\nSetHandler none\n</Files>\nAddHandler \"$proxy\" .php\n", {}, 'read.php', 'works', 'AddHandler'],
        ['ForceType', 'neighbour', "${free}ForceType \"$proxy\"\n", {}, 'read.html', 'works', 'ForceType'],
        ['AddType', 'neighbour', "${free}AddType \"$proxy\" .html\n", {}, 'read.html', 'works', 'AddType'],
        ['type-map', 'neighbour', "${free}Options +MultiViews\nAddHandler type-map .var\n",
            {'read.var' => "URI: read.html\nContent-Type: $proxy\n\n"}, 'read.var', 'fails', undef],
        ['RewriteRule [H=]', 'neighbour', "$free${rw}RewriteRule . - [H=$proxy]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ['RewriteRule [handler=]', 'neighbour', "$free${rw}RewriteRule . - [L,handler=$proxy]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ['RewriteRule [T=]', 'neighbour', "$free${rw}<Files *>\nSetHandler none\n</Files>\nRewriteRule . - [T=$proxy]\n", {}, 'read.html', 'works', 'RewriteRule'],
        ['RewriteRule [P]', 'neighbour', "$free${rw}RewriteRule . \"unix:$sock|fcgi://localhost$here/$dir/read.php\" [P]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ['RewriteRule [L,P,NE]', 'neighbour', "$free${rw}RewriteRule . \"unix:$sock|fcgi://localhost$here/$dir/read.php\" [L,P,NE]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ['RewriteRule [proxy]', 'neighbour', "$free${rw}RewriteRule . \"unix:$sock|fcgi://localhost$here/$dir/read.php\" [proxy]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ['RewriteRule to proxy: without a flag', 'neighbour', "$free${rw}RewriteRule . \"proxy:unix:$sock|fcgi://localhost$here/$dir/read.php\"\n", {}, 'read.php', 'fails', undef],
        ['RewriteRule by a variable', 'neighbour', "$free${rw}SetEnvIf Request_URI . S=proxy:unix:$sock\nRewriteRule . \"%{ENV:S}|fcgi://localhost$here/$dir/read.php\"\n", {}, 'read.php', 'fails', undef],
        ['RewriteRule in <If>', 'neighbour', "$free<If \"true\">\n${rw}RewriteRule . \"unix:$sock|fcgi://localhost$here/$dir/read.php\" [P]\n</If>\n", {}, 'read.php', 'works', 'RewriteRule'],
        ['an index that RewriteRule sends away', 'neighbour', "$free${rw}DirectoryIndex read.php\nRewriteRule ^read\\.php\$ \"unix:$sock|fcgi://localhost$here/$dir/read.php\" [P]\n", {}, '', 'works', 'RewriteRule'],
        ['an index with SetHandler', 'neighbour', "${free}DirectoryIndex read.html\n<Files read.html>\nSetHandler \"$proxy\"\n</Files>\n", {}, '', 'works', 'SetHandler'],
        ['ErrorDocument', 'neighbour', "${free}ErrorDocument 404 /$dir/read.html\nSetHandler none\n<Files read.html>\nSetHandler \"$proxy\"\n</Files>\n", {}, 'none.txt', 'works', 'SetHandler'],
        ['SSI', 'neighbour', "$free<Files read.html>\nSetHandler \"$proxy\"\n</Files>\n", {'a.shtml' => '<!--#include virtual="read.html" -->'}, 'a.shtml', 'works', 'SetHandler'],
        ['an outer .htaccess', 'neighbour', "$free<Files *>\nSetHandler \"$proxy\"\n</Files>\n",
            {'sub/.htaccess' => "SetEnv A b\n", 'sub/read.php' => $READ =~ s/DIR__, 3/DIR__, 4/r}, 'sub/read.php', 'works', 'SetHandler'],
        ['a macro', 'neighbour', "$free<Macro own \$x>\n<Files *>\nSetHandler \"\$x\"\n</Files>\n</Macro>\nUse own \"$proxy\"\n", {}, 'read.php', 'works', undef],
        ['SetHandler in capitals', 'neighbour', "${free}SETHANDLER \"$proxy\"\n", {}, 'read.html', 'works', 'SetHandler'],
        ["an index by IndexOrder", 'neighbour', "${free}IndexOrder read.html\n<Files read.html>\nSetHandler \"$proxy\"\n</Files>\n", {}, '', 'works', 'SetHandler'],
        ['FallbackResource', 'neighbour', "${free}FallbackResource /$dir/read.html\n<Files read.html>\nSetHandler \"$proxy\"\n</Files>\n", {}, 'none', 'works', 'SetHandler'],
        ['ReadmeName of a listing', 'neighbour', "${free}Options +Indexes\nDirectoryIndex disabled\nReadmeName read.html\n<Files read.html>\nSetHandler \"$proxy\"\nForceType text/html\n</Files>\n", {}, '', 'works', undef],
        ['MultiViews', 'neighbour', "${free}Options +MultiViews\n<Files read.html>\nSetHandler \"$proxy\"\n</Files>\n", {}, 'read', 'works', 'SetHandler'],
        ['Action', 'neighbour', "${free}AddHandler own .html\nAction own \"$proxy\" virtual\n", {}, 'read.html', 'fails', undef],
        ['Action that a handler leads to', 'neighbour', "${free}AddHandler own .html\nAction own /$dir/go.htm virtual\n<Files go.htm>\nSetHandler \"$proxy\"\n</Files>\n",
            {'go.htm' => $READ}, 'read.html', 'works', 'SetHandler'],

        # --- what answers inside only
        ['[P] to http:', 'inner', "${rw}RewriteRule . $http/ [P]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ['[P] to http:, second rule', 'inner', "${rw}RewriteRule nothing http://127.0.0.1:1/ [P]\nRewriteRule . $http/ [P]\nRewriteRule other - [F]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ['[P] to ws:', 'inner', "${rw}RewriteRule . ws://127.0.0.1:$inner->{port}/ [P]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ["[P] to the operator's balancer", 'inner', "${rw}RewriteRule . balancer://theirs/ [P]\n", {}, 'read.php', 'works', 'RewriteRule'],
        ["SetHandler to the operator's balancer", 'inner', "SetHandler \"proxy:balancer://theirs/\"\n", {}, 'read.html', 'works', 'SetHandler'],
        ['balancer-manager', 'manager', "SetHandler balancer-manager\n", {}, 'read.html', 'works', 'SetHandler'],

        ['Action through the forward proxy', 'inner', "AddHandler own .html\nAction own $http/ virtual\n", {}, 'read.html', 'works', 'Action'],
        ['ErrorDocument through the forward proxy', 'inner', "ErrorDocument 404 /$dir/go.htm\n<Files go.htm>\nSetHandler own\nAction own $http/ virtual\n</Files>\n", {'go.htm' => ''}, 'none', 'works', 'Action'],

        # --- php-fpm told by mod_proxy_fcgi's own directives
        ['ProxyFCGISetEnvIf', 'limits', "ProxyFCGISetEnvIf true PHP_ADMIN_VALUE \"open_basedir=/\"\n", {}, 'read.php', 'works', 'ProxyFCGISetEnvIf'],
        ['ProxyFCGISetEnvIf, SCRIPT_FILENAME', 'other', "ProxyFCGISetEnvIf true SCRIPT_FILENAME $here/$dir/other.php\n", {'other.php' => '<?php echo "OTHER";'}, 'read.php', 'works', 'ProxyFCGISetEnvIf'],
        ['ProxyFCGISetEnvIf in <If>', 'limits', "<If \"true\">\nProxyFCGISetEnvIf true PHP_ADMIN_VALUE \"open_basedir=/\"\n</If>\n", {}, 'read.php', 'works', 'ProxyFCGISetEnvIf'],
        ['ProxyFCGIBackendType', 'none', "ProxyFCGIBackendType GENERIC\n", {}, 'read.php', 'fails', 'ProxyFCGIBackendType'],
    );
}

# [name, .htaccess, {more files}, path]: variables that lift the limits of the
# own pool on a stock set-up, and are dropped by ours without further ado.
# php-fpm's processes keep such a value for later requests: each has its own.
sub variables {
    my $lift = 'user_agent=LIFT-@DIR@';
    my $rw = "RewriteEngine On\n";
    return (
        ['SetEnv', "SetEnv PHP_ADMIN_VALUE \"$lift\"\n"],
        ['SetEnv for open_basedir', "SetEnv PHP_ADMIN_VALUE \"open_basedir=/\"\n"],
        ['SetEnv PHP_VALUE', "SetEnv PHP_VALUE \"user_agent=LIFT-\@DIR@\"\n"],
        ['SetEnvIf', "SetEnvIf Request_URI . PHP_ADMIN_VALUE=$lift\n"],
        ['SetEnvIfNoCase', "SetEnvIfNoCase Host . PHP_ADMIN_VALUE=$lift\n"],
        ['SetEnvIf of a header', "SetEnvIf X-Lift (.*) PHP_ADMIN_VALUE=\$1\n"],
        ['SetEnvIfExpr', "SetEnvIfExpr true PHP_ADMIN_VALUE=$lift\n"],
        ['BrowserMatch', "BrowserMatch . PHP_ADMIN_VALUE=$lift\n"],
        ['BrowserMatchNoCase', "BrowserMatchNoCase . PHP_ADMIN_VALUE=$lift\n"],
        ['PassEnv', "PassEnv PHP_ADMIN_VALUE\n"],
        ['RewriteRule [E=]', "${rw}RewriteRule . - [E=PHP_ADMIN_VALUE:$lift]\n"],
        ['RewriteCond and [E=]', "${rw}RewriteCond %{HTTP:X-Lift} (.*)\nRewriteRule . - [E=PHP_ADMIN_VALUE:%1]\n"],
        ['in <If>', "<If \"true\">\nSetEnv PHP_ADMIN_VALUE \"$lift\"\n</If>\n"],
        ['through a redirect', "${rw}RewriteRule ^go\$ read.php [E=X:$lift,L]\nSetEnvIf REDIRECT_X (.+) PHP_ADMIN_VALUE=\$1\n", {}, 'go'],
        ['SSI', '', {'a.shtml' => "<!--#set var=\"PHP_ADMIN_VALUE\" value=\"$lift\" --><!--#include virtual=\"read.php\" -->"}, 'a.shtml'],
    );
}

# One set-up under one MPM, every attack. Returns how many lines of the logs
# nobody has expected.
sub hostile {
    my ($set_up, $mpm) = @_;
    my $root = "$where-$set_up-$mpm";
    my $stock = $set_up eq 'stock';
    remove_tree($root);
    make_path($root);
    my $conf = "${MODULES}ProxyRequests On\n<Proxy balancer://theirs>\nBalancerMember http://127.0.0.1:$inner->{port}\n</Proxy>\n";
    $conf .= <<"EOT" if $stock;
PHPPoolGuard off
<Directory "$root/srv/evil/web">
    <FilesMatch "\\.php\$">
        SetHandler "proxy:unix:$root/run/php/evil.sock|fcgi://localhost"
    </FilesMatch>
</Directory>
EOT
    my $i = Omakase::Instance->new(root => $root, mpm => $mpm, stage => $probe->{stage}, load => '', conf => '',
        env => {PHP_ADMIN_VALUE => 'user_agent=LIFT-passed'});
    $i->{conf} = $LOAD . $conf;
    my $tree = $i->site('evil', 'evil.localhost');
    my $theirs = $i->site('victim', 'victim.localhost');
    secrets($i, $root, $theirs);
    my @attacks = place($i, $root);
    my @variables = place_variables($i);
    $i->start;
    like(get($i, $victim, '/own.php')->{content}, qr/SECRET/, "$set_up, $mpm: the neighbour reads its own");
    attack($i, $tree, $stock, "$set_up, $mpm", $_) for @attacks;
    variable($i, $tree, $stock, "$set_up, $mpm", $_) for @variables;
    spellings($i, $tree, "$set_up, $mpm") if !$stock;
    cached($i, $tree, $theirs) if $stock;
    my @lines = $i->httpd->unexpected(qr/OMK021[23]|AH01071|AH01630.*\.htaccess|AH00124|AH10187|AH10244|unable to include "read/);
    diag @lines if @lines;
    ok($i->stop, "$set_up, $mpm: stops");
    remove_tree($root);
    return scalar @lines;
}

sub secrets {
    my ($i, $root, $theirs) = @_;
    $i->put('victim', 'web/secret.txt', 'SECRET', 0600);
    $i->put('victim', 'web/own.php', '<?php echo file_get_contents("secret.txt");');
    $i->put('victim', 'web/config.php', '<?php return "SECRET";', 0600);
    $i->put('victim', 'web/use.php', '<?php echo include "config.php";');
    chown 45002, 45002, map {"$theirs/web/$_"} qw(secret.txt own.php config.php use.php);
    open my $fh, '>', "$root/outside.txt" or die "$root: $!";
    print {$fh} "OUTSIDE\n";
    close $fh;
    return;
}

sub place {
    my ($i, $root) = @_;
    my $n = 0;
    return map {
        my ($name, $goal, $htaccess, $files, $path, $stock, $named) = @$_;
        my $dir = 'a' . $n++;
        my %f = ('.htaccess' => $htaccess, 'read.php' => $READ, 'read.html' => $READ, %$files);
        $i->put('evil', "web/$dir/$_", $f{$_} =~ s/\@DIR\@/$dir/gr) for keys %f;
        {name => $name, goal => $goal, dir => $dir, path => $path, stock => $stock, named => $named};
    } attacks($root);
}

sub place_variables {
    my ($i) = @_;
    my $n = 0;
    return map {
        my ($name, $htaccess, $files, $path) = @$_;
        my $dir = 'v' . $n++;
        my %f = ('.htaccess' => $htaccess, 'read.php' => $READ, %{$files // {}});
        $i->put('evil', "web/$dir/$_", $f{$_} =~ s/\@DIR\@/$dir/gr) for keys %f;
        {name => $name, dir => $dir, path => $path // 'read.php'};
    } variables();
}

sub log_of { return $_[0]->httpd->tail("$_[1]/log/error.log", 100_000) }

sub attack {
    my ($i, $tree, $stock, $set_up, $a) = @_;
    my $name = "$set_up: $a->{name}";
    my $before = length log_of($i, $tree);
    my $proxy = "proxy:unix:$i->{root}/run/php/victim.sock|fcgi://localhost";
    my @ws = $a->{name} =~ /ws:/ ? (Upgrade => 'websocket', Connection => 'upgrade') : ();
    my $r = get($i, $evil, "/$a->{dir}/$a->{path}", 'X-Aim' => $proxy, @ws);
    my $goal = $GOAL{$a->{goal}};
    if ($stock) {
        my $ok = $a->{stock} eq 'works'
            ? like($r->{content}, $goal, "$name: works there")
            : unlike($r->{content}, $goal, "$name: does not even work there");
        diag "$r->{status} " . substr log_of($i, $tree), $before if !$ok;
        return;
    }
    unlike($r->{content}, $goal, "$name: fails");
    unlike($r->{content}, qr/ran as 45002/, "$name: nothing runs as the neighbour");
    my $new = substr log_of($i, $tree), $before;
    return if !defined $a->{named};
    is($r->{status}, $a->{name} eq 'SSI' ? 200 : $a->{name} =~ /\AErrorDocument/ ? 404 : 403, "$name: refused");
    my @said = grep {/OMK021[23]/} split /\n/, $new;
    is(scalar @said, 1, "$name: one line") or diag $new;
    my ($id, $where) = $a->{named} =~ /FCGI/ ? ('OMK0213', '') : ('OMK0212', 'aims at');
    like($said[0] // '', qr{$id: php_pool: \Q$tree\E/web/$a->{dir}/\.htaccess:\d+: $a->{named}: $where}, "$name: names file and directive");
    return;
}

sub variable {
    my ($i, $tree, $stock, $set_up, $v) = @_;
    my $name = "$set_up: PHP_ADMIN_VALUE by $v->{name}";
    my $r = get($i, $evil, "/$v->{dir}/$v->{path}", 'X-Lift' => "user_agent=LIFT-$v->{dir}");
    my $got = $v->{name} =~ /open_basedir/ ? qr/OUTSIDE/
        : $v->{name} eq 'PassEnv' ? qr/LIFT-passed\n/ : qr/LIFT-$v->{dir}\n/;
    if ($stock) {
        like($r->{content}, $got, "$name: works there") or diag "$r->{status} $r->{content}";
        return;
    }
    like($r->{content}, qr{ran as 45001\nopen_basedir \Q$tree\E/web/:\Q$tree\E/tmp/\n}, "$name: runs, within its limits");
    unlike($r->{content}, $got, "$name: dropped");
    return;
}

# Another spelling of a name must not hide httpd's own from php-fpm, nor an
# unset one of httpd's be the customer's.
sub spellings {
    my ($i, $tree, $set_up) = @_;
    my @names = qw(SCRIPT_FILENAME SCRIPT_NAME PATH_TRANSLATED PATH_INFO DOCUMENT_ROOT REQUEST_METHOD REMOTE_ADDR
        REDIRECT_URL ORIG_SCRIPT_FILENAME CONTENT_LENGTH SERVER_NAME REQUEST_URI);
    $i->put('evil', 'web/sp/dump.php', '<?php echo json_encode($_SERVER + ["file" => __FILE__]);');
    $i->put('evil', 'web/sp/other.php', '<?php echo "OTHER";');
    my $clean = decode_json(get($i, $evil, '/sp/dump.php')->{content});
    for my $case (sub { $_[0] }, sub { lc $_[0] }, sub { ucfirst lc $_[0] }) {
        $i->put('evil', 'web/sp/.htaccess', join '', map { 'SetEnv ' . $case->($_) . " $tree/web/sp/other.php\n" } @names,
            'PHP_VALUE');
        my $name = "$set_up: SetEnv " . $case->('SCRIPT_FILENAME') . ' and others';
        my $got = eval { decode_json(get($i, $evil, '/sp/dump.php')->{content}) };
        ok($got, "$name: the script runs") or next;
        is($got->{$_}, $clean->{$_}, "$name: $_ as without") for @names, 'file', 'PHP_SELF';
        is_deeply([grep { $got->{$_} =~ /other\.php/ } keys %$got], [], "$name: nothing else carries it");
    }
    return;
}

# The cache of compiled scripts is one for all pools: who may not read a script
# does not get it from there, open_basedir or not.
sub cached {
    my ($i, $tree, $theirs) = @_;
    $i->put('evil', 'web/c/.htaccess', "SetEnv PHP_ADMIN_VALUE \"open_basedir=/\"\n");
    $i->put('evil', 'web/c/c.php', qq{<?php echo ini_get('open_basedir'), ' ', \@include '$theirs/web/config.php';});
    is(get($i, $victim, '/use.php')->{content}, 'SECRET', 'the neighbour has its script compiled') for 1 .. 3;
    my $r = get($i, $evil, '/c/c.php');
    like($r->{content}, qr{\A/ }, 'without open_basedir');
    unlike($r->{content}, qr/SECRET/, "a compiled script of the neighbour's cannot be included");
    return;
}

# What the operator sets up goes on, guard or not.
sub operator {
    my $port = $inner->{port};
    my $i = Omakase::Instance->new(stage => $probe->{stage});
    my $tree = $i->site('evil', 'evil.localhost');
    $i->site('victim', 'victim.localhost');
    my $own = $i->php->socket_of('evil');
    $i->{conf} = <<"EOT";
$LOAD$MODULES
<Location "/manager">
    SetHandler balancer-manager
</Location>
ProxyPass "/pass" "http://127.0.0.1:$port/"
<Location "/located">
    ProxyPass "http://127.0.0.1:$port/"
</Location>
<VirtualHost *:*>
    ServerName www.operator.localhost
    DocumentRoot "$tree/web"
    RewriteEngine On
    RewriteRule "^/rewritten\$" "http://127.0.0.1:$port/" [P]
    ProxyPass "/passed" "http://127.0.0.1:$port/"
</VirtualHost>
<Directory "$tree/web/op">
    SetHandler "proxy:unix:$own|fcgi://localhost"
</Directory>
<Directory "$tree/web/fcgi">
    ProxyFCGISetEnvIf "true" OPERATORS "word"
</Directory>
EOT
    $i->put('evil', 'web/op/run.html', '<?php echo posix_geteuid();');
    $i->put('evil', 'web/fcgi/run.php', '<?php echo $_SERVER["OPERATORS"];');
    $i->put('evil', 'web/.htaccess', "RewriteEngine On\nRewriteRule ^never \$0 [P]\n");
    $i->start;
    is(get($i, $evil, $_)->{content}, 'INTERNAL', "the operator's $_, in the server") for '/pass', '/located';
    is(get($i, 'www.operator.localhost', $_)->{content}, 'INTERNAL', "the operator's $_, in a virtual host")
        for '/passed', '/rewritten';
    like(get($i, $evil, '/manager')->{content}, $GOAL{manager}, "the operator's balancer-manager");
    is(get($i, $evil, '/fcgi/run.php')->{content}, 'word', "the operator's ProxyFCGISetEnvIf");
    is(get($i, $evil, '/op/run.html')->{content}, '45001', "the operator's SetHandler");
    $i->put('evil', 'web/op/.htaccess', "SetHandler \"proxy:unix:$own|fcgi://localhost/x\"\n");
    is(get($i, $evil, '/op/run.html')->{status}, 403, "a customer's in its place is");
    like(log_of($i, $tree), qr{OMK0212: php_pool: \Q$tree\E/web/op/\.htaccess:1: SetHandler: }, 'and named');
    ok($i->stop, 'stops');
    return;
}

# From inside a script: the neighbour's socket, files and listening descriptors.
sub from_a_script {
    my $i = Omakase::Instance->new(stage => $probe->{stage});
    $i->site('evil', 'evil.localhost');
    my $theirs = $i->site('victim', 'victim.localhost');
    secrets($i, $i->root, $theirs);
    my $sock = $i->php->socket_of('victim');
    $i->put('evil', 'web/s.php', <<"PHP");
<?php
\$s = \@stream_socket_client('unix://$sock', \$n, \$e);
echo json_encode(['connect' => \$s !== false, 'error' => \$e, 'cat' => shell_exec('cat $theirs/web/secret.txt 2>&1'),
    'tmp' => shell_exec('ls $theirs/tmp 2>&1'), 'id' => shell_exec('id -u; id -G'), 'pid' => getmypid()]);
PHP
    $i->start;
    my $d = decode_json(get($i, $evil, '/s.php')->{content});
    ok(!$d->{connect}, "a script cannot connect to the neighbour's pool");
    like($d->{error}, qr/Permission denied/, 'for want of permission');
    like($d->{cat}, qr/Permission denied/, "nor read the neighbour's files by another program");
    like($d->{tmp}, qr/Permission denied/, 'nor its tmp/');
    is($d->{id}, "45001\n45001\n", 'which runs as the customer, in no other group');
    my %path = map { (split)[6, 7] } grep {m{^[0-9a-f]+:}} split /\n/, slurp('/proc/net/unix');
    my @sockets = grep {defined} map { (readlink($_) // '') =~ /socket:\[(\d+)\]/ ? $path{$1} : undef }
        glob "/proc/$d->{pid}/fd/*";
    is_deeply([grep { $_ eq $sock } @sockets], [], "a worker has no descriptor of the neighbour's socket");
    ok($i->stop, 'stops');
    return;
}

sub slurp {
    open my $fh, '<', $_[0] or die "$_[0]: $!";
    local $/;
    return <$fh>;
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
