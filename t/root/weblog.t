#!/usr/bin/perl
# The access log of a node that `omakase apply` has made: whose the logs are,
# what the customer can do with them and what not, customers who come and go,
# and `omakase log`.
use v5.30;
use warnings;
use JSON::PP;
use POSIX ();
use Test::More;
use Omakase::Provision;
use Omakase::Weblog qw(generations lines loggers slurp until_true);

plan skip_all => 'needs root' if $>;
my $n = Omakase::Provision->new;
plan skip_all => 'mod_weblog is not built' if !-e "$n->{layout}{modules}/mod_weblog.so";
$n->conf(qq(weblog { size = "8K" }\npaths { mariadbd = "" }\n));
my ($a, $b) = ($n->login, $n->login);
my %host = map { $_ => "www.$_.localhost" } $a, $b;

run('customer', 'add', $a, '--domain', "$a.localhost");
run('customer', 'add', $b, '--domain', "$b.localhost");
is(getpwnam $n->{logger}, undef, 'the logger has no user yet');
like((run('plan'))[1], qr/weblog.*its user is missing/, 'which plan says');
run('apply');
run('start', 'httpd');
my ($uid, $gid) = (getpwnam $n->{logger})[2, 3];
ok($uid && $uid < 1000, 'apply makes it, a system user');
is((getpwnam $n->{logger})[8], '/usr/sbin/nologin', 'without a shell');

my $tree = $n->root . "/srv/omakase/$a";
get($a, "/$_") for 1 .. 3;
ok(until_true { lines($tree, 'web.log') >= 3 }, 'what is asked for is logged');
my @loggers;
ok(until_true { (@loggers = loggers($n->root)) == 1 }, 'by one logger');
like(slurp("/proc/$loggers[0]/status"), qr/^Uid:(?:\t$uid){4}\nGid:(?:\t$gid){4}\n/m, 'which is that user');
is((run('status'))[0], 0, 'all is as applied');

subtest 'P21: the customer reads and alters nothing' => sub {
    my $log = "$tree/log";
    is(as($a, sub { slurp("$log/web.log") ? 'read' : '' }), 'read', 'web.log can be read');
    is(as($a, sub { opendir my $d, $log or return ''; my @names = readdir $d; @names > 3 ? 'listed' : '' }), 'listed', 'log/ can be listed');
    my %tries = (
        write => sub { open my $fh, '>>', "$log/web.log" },
        cut => sub { truncate "$log/web.log", 0 },
        remove => sub { unlink "$log/web.log" },
        rename => sub { rename "$log/web.log", "$log/other" },
        chmod => sub { chmod 0666, "$log/web.log" },
        add => sub { open my $fh, '>', "$log/web.log.1.gz" },
        link => sub { symlink '/etc/passwd', "$log/web.log.1.gz" },
        swap => sub { rename $log, "$tree/away" },
        'write to the slow log' => sub { open my $fh, '>>', "$log/php-slow.log" },
    );
    is(as($a, sub { $tries{$_}->() ? 'done' : '' }), '', "no: $_") for sort keys %tries;
    is(as($b, sub { slurp("$log/web.log") ? 'read' : '' }), '', 'nor does a neighbour read it');
    is(as('www-data', sub { slurp("$log/web.log") ? 'read' : '' }), '', "nor httpd's user");
};

subtest 'the logger has no more than the logs' => sub {
    for ("$tree/web/index.html", $n->root . "/var/lib/omakase/secrets/$a", "$tree/home/$a/x") {
        is(as($n->{logger}, sub { open(my $fh, '>', $_) || slurp($_) ? 'reached' : '' }), '', "no: $_");
    }
    is(as($n->{logger}, sub { unlink("$tree/log/php-slow.log") || rename("$tree/log/php-slow.log", "$tree/log/x") ? 'done' : '' }), '',
        "what root writes to cannot be swapped");
};

subtest 'P22, P23, P24: generations' => sub {
    for my $round (1 .. 8) {
        get($a, "/?round-$round-" . 'x' x 400) for 1 .. 16; # 8K and a little
        ok(until_true { scalar(() = grep {/round-$round-/} lines($tree, 'web.log')) == 16 && !grep {/\.\d{10}\z/} generations($tree, 'web.log') },
            "round $round is logged and compressed");
    }
    my @all = map { s{.*/}{}r } generations($tree, 'web.log');
    is("@all", 'web.log.4.gz web.log.3.gz web.log.2.gz web.log.1.gz web.log', 'four past ones, no fifth');
    is(join(' ', sort map { s{.*/}{}r } glob("$tree/log/*"), glob("$tree/log/.[!.]*")),
        'error.log php-slow.log web.log web.log.1.gz web.log.2.gz web.log.3.gz web.log.4.gz', 'and nothing else');
    for (1 .. 4) {
        my $file = "$tree/log/web.log.$_.gz";
        is(system("gzip -t '$file'"), 0, "$_ is whole");
        is(as($a, sub { slurp($file) ? 'read' : '' }), 'read', 'and the customer may have it');
        is((stat $file)[4], $uid, "it is the logger's");
    }
    my ($first, $last) = map { ($_->[0] =~ /round-(\d+)/)[0] } map { [grep {/round/} @$_] } [lines($tree, 'web.log')], [reverse lines($tree, 'web.log')];
    is($last, 8, 'the newest lines are in them');
    cmp_ok($first, '>', 3, 'the oldest are gone');
    is((run('status'))[0], 0, 'all is as applied');
};

subtest 'omakase log' => sub {
    my ($code, $out) = run('log', $a);
    is($out, slurp("$tree/log/web.log"), 'the log as it is');
    ($code, $out) = run('log', $a, '--summary', '--json');
    my $sum = decode_json($out);
    my $lines = () = lines($tree, 'web.log');
    is($sum->{total}{hits}, $lines, '--summary: hits of all generations');
    is($sum->{total}{visitors}, 1, 'a visitor');
    is($sum->{total}{not_found}, $lines, 'errors');
    is($sum->{days}[0]{hits}, $lines, 'a day') if @{$sum->{days}} == 1;
    like($sum->{days}[0]{date}, qr/\A\d{4}-\d\d-\d\d\z/, 'with its date');
    ok($sum->{complete}, 'complete');
    $n->put("srv/omakase/$a/web/page.html", 'x');
    get($a, '/page.html') for 1 .. 2;
    ok(until_true { scalar(() = grep {/page\.html/} lines($tree, 'web.log')) == 2 }, 'two pages');
    like((run('log', $a, '--summary'))[1], qr{^ +2  /page\.html$}m, 'are the most looked at');
    is((run('log', $a, '--errors'))[1], slurp("$tree/log/error.log"), 'the error log');
    open my $log, '>>:raw', "$tree/log/web.log" or die $!;
    print {$log} qq(127.0.0.1 - - [10/Oct/2030:13:55:36 +0900] "GET /\e[2J.html HTTP/1.1" 200 1 "-" "-"\n);
    close $log;
    like((run('log', $a, '--summary'))[1], qr{^ +1  /\?\[2J\.html$}m, 'nor does the summary print what a terminal obeys');
    $n->put("srv/omakase/$a/log/error.log", "a\e[2Jb\n");
    chown $uid, $gid, "$tree/log/error.log";
    is((run('log', $a, '--errors'))[1], "a?[2Jb\n", 'without what a terminal obeys');
    is((run('log', 'nobody-here'))[0], 67, 'nobody');
    is((run('log', '../etc'))[0], 65, 'no login');
    is((run('log', $a, '--json'))[0], 64, '--json without --summary');
    is((run('log', $a, '--follow', '--summary'))[0], 64, 'both at once');

    my $h = $n->begin('log', $a, '--follow');
    my $shown = sub { slurp("$h->{out}") };
    ok(until_true { $shown->() =~ /page\.html/ }, '--follow: the last lines');
    get($a, '/followed');
    ok(until_true { $shown->() =~ m{/followed } }, 'and what comes');
    get($a, '/?over-' . 'x' x 400) for 1 .. 20;
    get($a, '/behind');
    ok(until_true { $shown->() =~ m{/behind } }, 'also over a rotation');
    is(scalar(() = $shown->() =~ m{/\?over-}g), 20, 'with all lines');
    kill 'TERM', $h->{pid};
    waitpid $h->{pid}, 0;
};

subtest 'customers come and go' => sub {
    my $c = $n->login;
    my $before = join ' ', loggers($n->root);
    get($b, '/keeps-b');
    run('customer', 'add', $c, '--domain', "$c.localhost");
    run('apply');
    $host{$c} = "www.$c.localhost";
    get($c, '/new');
    ok(until_true { grep {m{/new}} lines($n->root . "/srv/omakase/$c", 'web.log') }, 'a new one has a log');
    is((run('customer', 'remove', $c, '--yes'))[0], 0, 'removed');
    run('apply');
    is((run('customer', 'purge', $c, '--yes'))[0], 0, 'and purged');
    ok(!-e $n->root . "/srv/omakase/$c", 'the logger holds nothing of it');
    get($b, '/still-b');
    ok(until_true { grep {m{/still-b}} lines($n->root . "/srv/omakase/$b", 'web.log') }, 'the others go on');
};

subtest 'what is planted' => sub {
    # As if the customer had had a way in.
    my $other = "$tree/web/victim";
    $n->put("srv/omakase/$a/web/victim", "untouched\n");
    unlink "$tree/log/web.log";
    symlink $other, "$tree/log/web.log";
    get($a, '/planted');
    ok(until_true { slurp($n->root . '/var/log/omakase/httpd-error.log') =~ /OMK0502: $a: log\/web\.log is not written/ }, 'the operator hears of it');
    is(slurp($other), "untouched\n", 'nothing is written through a link');
    like((run('status'))[1], qr{web\.log is a symbolic link of uid 0}, 'status names it');
    unlink "$tree/log/web.log";
    run('apply');
    ok(until_true { grep {m{/planted}} lines($tree, 'web.log') }, 'removed, and what waited is written');
};

run('stop');
ok(until_true { !loggers($n->root) }, 'the logger ends with httpd');
done_testing;

sub run {
    my @args = @_;
    my ($code, $out, $err) = $n->omakase(@args);
    diag "@args: $code: $err" if $code && $args[0] !~ /^(?:log|plan|status)$/;
    return ($code, $out, $err);
}

sub get {
    my ($login, $path) = @_;
    return $n->get($host{$login}, $path);
}

# What code returns in a process of that user's.
sub as {
    my ($user, $code) = @_;
    my (undef, undef, $u, $g) = getpwnam $user;
    pipe my $r, my $w or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        close $r;
        $) = "$g $g";
        $( = $g;
        POSIX::setuid($u);
        POSIX::_exit(9) if $> != $u || $< != $u;
        print {$w} $code->() // '';
        close $w;
        POSIX::_exit(0);
    }
    close $w;
    my $text = do { local $/; <$r> } // '';
    waitpid $pid, 0;
    return $? ? "failed: $?" : $text;
}
