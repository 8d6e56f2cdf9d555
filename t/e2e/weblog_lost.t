#!/usr/bin/perl
# P24: not a line is lost, doubled or torn, whatever happens while visitors come:
# rotations, graceful restarts (two loggers at once), SIGTERM to the logger,
# SIGTERM to httpd and a new start.
#
# OMAKASE_SOAK=N makes it N times as many rounds; 16 are over 100 rotations
# under each MPM.
use v5.30;
use warnings;
use Test::More;
use Omakase::Instance;
use Omakase::Load;
use Omakase::Weblog qw(generations lines loggers until_true);

my $rounds = 3 * ($ENV{OMAKASE_SOAK} || 1);
my $www = 'www.example.localhost';
# So that a round is about three of them: older ones than the fourth are gone.
my ($clients, $hits, $size) = (6, 250, '56K');

for my $mpm (qw(event worker prefork)) {
    my $i = Omakase::Instance->new(daemons => ['httpd'], mpm => $mpm, weblog => "--size $size");
    my $tree = $i->site('ab-cdftp', 'example.localhost');
    $i->put('ab-cdftp', 'web/t.txt', "text\n");
    $i->start;
    my %total = (sure => 0, lost => 0, twice => 0, torn => 0, rotations => 0);
    for my $round (1 .. $rounds) {
        one_round($i, $tree, $round, \%total);
    }
    $i->stop;
    cmp_ok($total{sure}, '>', $rounds * $clients * $hits / 2, "$mpm: $total{sure} answers that must have their line");
    cmp_ok($total{rotations}, '>=', 2 * $rounds, "over $total{rotations} rotations");
    is($total{$_}, 0, "P24: $_: none") for qw(lost twice torn);
    # httpd's own: its event MPM, ended by SIGTERM, takes its threads the ground
    # away without waiting for them; and its bookkeeping of a child that ended
    # between two restarts.
    is(join('', $i->httpd->unexpected(qr/long lost child|AH0309[23]|AH00052|AH00546/)), '', 'nothing unexpected in the error logs');
}
done_testing;

sub one_round {
    my ($i, $tree, $round, $total) = @_;
    my $load = Omakase::Load->start($i, clients => $clients, hits => $hits, host => $www, again => 3, keep => 1,
        target => sub { sprintf '/t.txt?%d-%d-%d-', $round, @_ });
    my $all = $clients * $hits;
    until_true { $load->answered > $all * 0.2 };
    kill 'TERM', loggers($i->root);
    $i->httpd->graceful;
    until_true { $load->answered > $all * 0.4 };
    $i->httpd->graceful;
    $i->httpd->graceful;
    until_true { $load->answered > $all * 0.6 };
    $i->stop;
    $i->start;
    my @hits = $load->wait;
    $i->stop;
    ok(until_true { !loggers($i->root) }, 'all is written') or return;
    count($tree, \@hits, $total);
    unlink generations($tree, 'web.log');
    $i->start;
    return;
}

# The next answer on its connection says that the one before is logged. What was
# on its way when httpd was ended may have a line or not.
sub count {
    my ($tree, $hits, $total) = @_;
    my (%seen, %answered);
    my @files = generations($tree, 'web.log');
    $total->{rotations} += @files - 1;
    for my $line (lines($tree, 'web.log')) {
        my ($id) = $line =~ m{\A127\.\S+ - - \[[^]]*\] "GET /t\.txt\?(\d+-\d+-\d+)- HTTP/1\.1" 200 \d+ "http://\Q$www\E/" "-"\n\z};
        $id ? $seen{$id}++ : $total->{torn}++;
    }
    $answered{"$_->{client} $_->{n}"} = $_->{status} for @$hits;
    for my $hit (@$hits) {
        my ($id) = $hit->{target} =~ /\?(\d+-\d+-\d+)-/;
        $total->{twice}++ if ($seen{$id} // 0) > 1;
        next if !$hit->{status} || !$answered{$hit->{client} . ' ' . ($hit->{n} + 1)};
        $total->{sure}++;
        if (!$seen{$id}) {
            $total->{lost}++;
            diag "lost: $id";
        }
    }
    return;
}
