#!/usr/bin/perl
# Count.cgi beside mod_counter, in one httpd and on one store: the same answers
# to the byte, and what only a program has to mind.
use v5.30;
use warnings;
use File::Copy qw(move);
use IPC::Open3 qw(open3);
use Test::More;
use Omakase::Client qw(get request);
use Omakase::Counter qw($CGI $CGI2 ask count cgi_conf counter_conf instance store tool until_true);

my $www = 'www.example.localhost';
my $df = "df=$www";
my $own = [Referer => "http://$www/page.html"];

# [query, headers]: asked of both, by the visitor counted last, so that nothing
# changes between the two answers.
my @same = (
    (map { ["$df|format=$_", @$own] } qw(text json gif svg)),
    (map { ["$df|$_|format=text", @$own] } 'md=7', 'md=10', 'md=4', 'md=11', 'md=x', 'md=', 'st=0', 'comma=T',
        'pad=F', 'incr=F', 'display=today', 'display=yesterday', 'reload=T'),
    (map { ["$df|$_", @$own] } 'dd=B', 'dd=E|md=10', 'dd=Z', 'dd=../A', 'sh=F', 'ft=%zz', 'expires=60',
        'expires=604801', 'scale=2', 'foo', 'foo=bar', 'df=www.other.localhost', 'df=nobody.example'),
    ['lit=0123456789', @$own], ['lit=88888888|dd=D', @$own], ['display=version', @$own],
    ['display=date|format=text', @$own], ['display=image', @$own],
    ['', @$own], ['md=7', @$own], ['x' x 6000, @$own], ["$df%7Cmd%3D7|format=text", @$own],
    ["$df&amp;md=5&format=text", @$own], ['df=EXAMPLE.localhost.|format=json', @$own],
    [$df], ["$df|format=json"], ["$df|format=text"],
    ["$df|dd=C|md=4|ft=3", Referer => 'http://evil.example/'],
    ["$df|format=json", Referer => '', 'Sec-Fetch-Site' => 'same-origin'],
    ["$df|format=json", Referer => '', 'Sec-Fetch-Site' => 'cross-site'],
    ["$df|format=json", @$own, 'Sec-Purpose' => 'prefetch'],
    ["$df|format=json", @$own, Purpose => 'prefetch'],
    ["$df|format=json", @$own, 'If-None-Match' => '*'],
);

for my $mpm (qw(event prefork)) {
    note $mpm;
    my $i = instance(mpm => $mpm, conf => cgi_conf($mpm));
    my $program = counter_conf($i);
    $i->start;

    # One store: each sees what the other has counted.
    is(ask($i, "$df|st=5|format=text", from => '127.0.0.2'), '200 000005', 'mod_counter starts it');
    is(ask($i, "$df|st=5|format=text", from => '127.0.0.3', cgi => $CGI2), '200 000006', 'Count.cgi goes on');
    is(ask($i, "$df|format=text", from => '127.0.0.3'), '200 000006', 'the visitor of the one is known to the other');
    is(ask($i, "$df|format=text", from => '127.0.0.2'), '200 000007', 'and mod_counter goes on');
    is(ask($i, "$df|format=text", from => '127.0.0.2', cgi => $CGI2), '200 000007', 'the other way round as well');

    for (@same) {
        my ($query, @headers) = @$_;
        my ($one, $two) = map { facts(get($i, $www, "$_?$query", @headers, from => '127.0.0.2')) } $CGI, $CGI2;
        is($two, $one, 'the same answer: ' . substr($query, 0, 60) . " @headers");
    }
    for my $headers ([Host => 'x'], ['Sec_Fetch_Site' => 'same-origin'], ['HTTP_REFERER' => "http://$www/"],
        ['X-Forwarded-For' => '10.9.8.7'], ['Client-IP' => '10.9.8.7'], [Proxy => 'x']) {
        my $before = count($i, $www);
        my ($one, $two) = map {
            facts(get($i, $www, "$_?$df|format=json", @$headers[0] eq 'Host' ? @$own : (@$headers),
                from => '127.0.0.2'))
        } $CGI, $CGI2;
        is($two, $one, "no trick: @$headers");
        is(count($i, $www), $before, 'and nothing is counted');
    }
    for my $spoof (['X-Forwarded-For' => '10.9.8.7'], ['Forwarded' => 'for=10.9.8.7']) {
        like(ask($i, "$df|format=json", @$spoof, from => '127.0.0.2', cgi => $CGI2), qr/"counted":false/,
            "$spoof->[0] makes no other visitor");
    }

    # Methods.
    my $now = count($i, $www);
    for my $cgi ($CGI, $CGI2) {
        my $head = request($i, 'HEAD', $www, "$cgi?$df", undef, @$own, from => '127.0.0.50');
        is($head->{status} . ($head->{content} // ''), 200, "HEAD $cgi");
        is(request($i, $_, $www, "$cgi?$df", 'x' x 100_000, @$own)->{status}, 405, "$_ $cgi: 405") for qw(POST PUT);
        is(get($i, $www, "$cgi/more?$df", @$own, from => '127.0.0.51')->{status}, 404, "$cgi/more is not found");
    }
    is(count($i, $www), $now, 'none of these counted');

    # The answer does not wait for the sync, which somebody stays behind for.
    Omakase::Counter::write_conf($i, Omakase::Counter::counter_conf_text($i, 'CounterSync 600'));
    until_true { !syncers($program) };
    like(ask($i, "$df|format=json", from => '127.0.0.60', cgi => $CGI2), qr/"counted":true/, 'CounterSync 600: answered');
    ok((until_true { scalar syncers($program) }), 'the sync is still to come');
    # All of them, again: the first seen may be the one that forks the syncer.
    ok((until_true { my @s = syncers($program); kill 'TERM', @s; !@s }), 'told to end, it syncs at once and does');

    # Its configuration.
    is(get($i, 'nobody.localhost', "$CGI2?$df")->{status}, 404, 'a host of nobody: 404');
    my $conf = $i->root . '/scripts/counter.conf';
    move($conf, "$conf.away");
    is(get($i, $www, "$CGI2?$df", @$own)->{status}, 503, 'no counter.conf: 503');
    like(logs($i), qr/OMK0101.*\Q$conf\E: /, 'and a line that names it');
    Omakase::Counter::write_conf($i, "CounterStore /x\nCounterNonsense 1\n");
    is(get($i, $www, "$CGI2?$df", @$own)->{status}, 503, 'a broken one: 503');
    like(logs($i), qr/OMK0101.*counter\.conf:2.*CounterNonsense/, 'and a line that names the line');
    move("$conf.away", $conf);

    is(join('', $i->httpd->unexpected(qr/OMK0101|OMK0108|AH00558/)), '', 'nothing unexpected in the error logs');
    $i->stop;
    is((tool('verify', store($i)))[0], 0, 'the store is whole');
    by_hand($program, $i) if $mpm eq 'event';
}
done_testing;

# What of an answer must be equal. Not the Content-Length: httpd takes none from
# a program (since 2.4.59, but for the environment's ap_trust_cgilike_cl).
sub facts {
    my ($r) = @_;
    return join '|', $r->{status}, map({ $_ // '-' } @{$r->{headers}}{qw(content-type cache-control etag)}),
        $r->{content} =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
}

# Where the program's standard error goes differs between mod_cgi and mod_cgid.
sub logs {
    my ($i) = @_;
    return $i->httpd->log_text . $i->httpd->tail($i->{sites}[0]{tree} . '/log/error.log', 9);
}

# Count.cgi started as httpd starts it: (exit status, head and body, errors).
sub run_cgi {
    my ($program, %env) = @_;
    local %ENV = (GATEWAY_INTERFACE => 'CGI/1.1', REQUEST_METHOD => 'GET', SERVER_NAME => $www,
        REMOTE_ADDR => '127.0.0.90', HTTP_REFERER => "http://$www/", QUERY_STRING => "$df|format=json", %env);
    delete $ENV{$_} for grep { !defined $ENV{$_} } keys %ENV;
    pipe my $from_err, my $err or die "pipe: $!";
    my $pid = open3(my $in, my $out, '>&' . fileno $err, $program);
    close $in;
    close $err;
    my $text = do { local $/; <$out> } // '';
    my $said = do { local $/; <$from_err> } // '';
    waitpid $pid, 0;
    return ($? >> 8, $text =~ s/\r//gr, $said);
}

sub by_hand {
    my ($program, $i) = @_;
    my ($rc, $out, $err) = run_cgi($program, REQUEST_METHOD => undef);
    is($rc, 64, 'not started by httpd: says so');
    like($err, qr/CGI program/, 'in words');

    # The environment has no say about where things are.
    my $evil = $i->root . '/evil';
    (undef, $out) = run_cgi($program, COUNTER_CONF => $evil, OMAKASE_CONF => $evil, COUNTER_STORE => $evil,
        TMPDIR => $evil, HOME => $evil, HTTP_X_FORWARDED_FOR => '1.2.3.4', HTTP_HOST => 'www.other.localhost');
    like($out, qr/\AStatus: 200 OK\n.*"counted":true/s, 'COUNTER_CONF and the like change nothing');
    ok(!glob("$evil*"), 'and nothing appears there');
    (undef, $out) = run_cgi($program, HTTP_X_FORWARDED_FOR => '1.2.3.5');
    like($out, qr/"counted":false/, 'X-Forwarded-For is not believed');
    for my $address ('', 'unix:/x', '300.1.1.1', '1.2.3.4, 5.6.7.8', 'x' x 100_000) {
        (undef, $out) = run_cgi($program, REMOTE_ADDR => $address);
        like($out, qr/\AStatus: 200 OK\n.*"counted":false/s,
            "an address that is none is shown, not counted: '" . substr($address, 0, 20) . "'");
    }
    (undef, $out) = run_cgi($program, SERVER_NAME => $_) and like($out, qr/\AStatus: 404/, 'SERVER_NAME: ' . substr $_, 0, 20)
        for '', '../x', 'x' x 5000, "[::1]";
    (undef, $out) = run_cgi($program, SERVER_NAME => 'WWW.Example.localhost.');
    like($out, qr/\AStatus: 200/, 'SERVER_NAME in any case, with a dot');

    # Of a body it reads what it is told, and waits for nothing behind it.
    {
        local %ENV = (REQUEST_METHOD => 'POST', SERVER_NAME => $www, CONTENT_LENGTH => 9000);
        my $pid = open3(my $in, my $out, undef, $program);
        print {$in} 'x' x 9000;
        $in->flush;
        like(scalar <$out>, qr/^Status: 405/, 'a body is read to its length');
        close $in;
        waitpid $pid, 0;
    }

    # After the answer one process stays to sync for all; httpd may end the
    # script's process group or its pid as soon as it has the answer.
    Omakase::Counter::write_conf($i, Omakase::Counter::counter_conf_text($i, 'CounterSync 30'));
    my $left = 0;
    my $tries = 20;
    for my $n (1 .. $tries) {
        local %ENV = (REQUEST_METHOD => 'GET', SERVER_NAME => $www, REMOTE_ADDR => "127.0.1.$n",
            HTTP_REFERER => "http://$www/", QUERY_STRING => "$df|format=json");
        pipe my $r, my $w or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            setpgrp 0, 0;
            open STDOUT, '>&', $w;
            open STDERR, '>&', $w;
            close $r;
            close $w;
            exec $program or die;
        }
        close $w;
        my $text = do { local $/; <$r> };
        kill 'TERM', $pid;
        kill 'TERM', -$pid;
        waitpid $pid, 0;
        like($text, qr/"counted":true/, 'answers at once, with the sync still to come') if $n == 1;
        my $syncer = until_true { (syncers($program))[0] };
        $left++ if $syncer;
        kill 'KILL', $syncer if $syncer;
        until_true { !syncers($program) };
    }
    is($left, $tries, 'a process stays behind to sync, whatever httpd does to the one that has answered');

    # Two at once: one stays for both. Then it syncs and ends by itself.
    Omakase::Counter::write_conf($i, Omakase::Counter::counter_conf_text($i, 'CounterSync 1'));
    run_cgi($program, REMOTE_ADDR => "127.0.2.$_") for 1 .. 10;
    cmp_ok(scalar(syncers($program)), '<=', 1, 'one syncs for all');
    ok((until_true { !syncers($program) }), 'and ends');
    return;
}

sub syncers {
    my ($program) = @_;
    return grep { (readlink "/proc/$_/exe" // '') eq $program } map {m{(\d+)}} glob '/proc/[0-9]*';
}
