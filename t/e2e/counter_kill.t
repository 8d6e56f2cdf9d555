#!/usr/bin/perl
# kill -9 of anything at any time: httpd's children, its parent, Count.cgi. What
# was answered is counted, and nothing that was not asked for.
#
# OMAKASE_SOAK=N makes it N times as many kills.
use v5.30;
use warnings;
use Test::More;
use Omakase::Counter qw($CGI $CGI2 cgi_conf count counter_conf instance store tool until_true);
use Omakase::Load;

my $kills = 30 * ($ENV{OMAKASE_SOAK} || 1);
my $www = 'www.example.localhost';
my $seed = $ENV{OMAKASE_SEED} // time;
srand $seed;
note "OMAKASE_SEED=$seed";

for my $mpm (qw(event prefork)) {
    my $i = instance(mpm => $mpm, conf => cgi_conf($mpm));
    my $program = counter_conf($i);
    $i->start;
    my $query = "df=$www|st=1|format=json";
    my %killed;
    my @hits;
    # Of each round, the last kill takes the parent, and the next begins with a
    # new httpd.
    for my $round (1 .. 3) {
        my $load = Omakase::Load->start($i, clients => 8, host => $www, target => "$CGI?$query",
            from => address($round, 1));
        my $cgi = Omakase::Load->start($i, clients => 4, host => $www, target => "$CGI2?$query",
            from => address($round, 2));
        for (1 .. $kills / 3) {
            my $then = $load->answered;
            until_true { $load->answered > $then + 5 };
            my @cgis = programs($program);
            my ($what, @pids) = @cgis && rand() < 0.5 ? ('Count.cgi', @cgis) : ('child', $i->httpd->children);
            $killed{$what}++ if kill 'KILL', $pids[rand @pids];
        }
        my @all = (kin($i->httpd->pid), programs($program));
        $killed{parent}++ if kill 'KILL', $i->httpd->pid;
        push @hits, map { $_->stop->wait } $load, $cgi;
        kill 'KILL', @all; # orphans that hold the port
        until_true { !grep { alive($_) } @all };
        $i->start;
    }
    note "$mpm: killed " . join ', ', map {"$killed{$_} times $_"} sort keys %killed;
    ok($killed{$_}, "$_ was killed") for 'child', 'parent', 'Count.cgi';
    my $answered = grep { $_->{body} =~ /"counted":true/ } @hits;
    my $sent = grep { $_->{sent} } @hits;
    cmp_ok($answered, '>', 100, "$answered hits were answered, " . ($sent - $answered) . ' were not');
    my $count = count($i, $www);
    cmp_ok($count, '>=', $answered, "$count: not below what was answered");
    cmp_ok($count, '<=', $sent, 'and not above what was sent');
    my %seen;
    $seen{$_}++ for map { $_->{body} =~ /"count":(\d+).*"counted":true/ } @hits;
    is(scalar(grep { $_ > 1 } values %seen), 0, 'no value was answered twice');
    $i->stop;
    my ($rc, $report) = tool('verify', store($i));
    is($rc, 0, 'the store is whole') or diag($report);
    my @left = grep { !/counters(?:\.key)?\z/ } glob store($i) . '*';
    is("@left", '', 'nothing is left beside it');
    # mod_cgi and mod_cgid say that a script was ended, httpd that a child was.
    is(join(q(), $i->httpd->unexpected(qr{\[(?:cgid?|core|mpm_\w+):\w+\]}, qr/AH01215|End of script/)),
        '', 'nothing unexpected in the error logs');
}
done_testing;

sub address {
    my ($round, $kind) = @_;
    return sub {
        my ($client, $n) = @_;
        return sprintf '127.%d.%d.%d', 10 * $kind + 30 * $round + $client, 1 + $n / 250 % 250, 1 + $n % 250;
    };
}

sub programs {
    my ($program) = @_;
    return grep { (readlink "/proc/$_/exe" // '') eq $program } map {m{(\d+)}} glob '/proc/[0-9]*';
}

# A process and all below it.
sub kin {
    my (@pids) = @_;
    my @parents = @pids;
    while (@parents) {
        my %is_parent = map { $_ => 1 } @parents;
        @parents = ();
        for my $stat (glob '/proc/[0-9]*/stat') {
            open my $fh, '<', $stat or next;
            my ($pid, $ppid) = (<$fh> // '') =~ /^(\d+) \(.*\) \S (\d+) /s or next;
            push @parents, $pid if $is_parent{$ppid};
        }
        push @pids, @parents;
    }
    return @pids;
}

sub alive {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/stat" or return 0;
    return (<$fh> // '') !~ /\) Z /;
}
