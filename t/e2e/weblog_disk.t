#!/usr/bin/perl
# P24 with a disk that is full: lines wait in memory and are written when there
# is room, whole; what has no place there is dropped, and counted to the line.
# httpd answers all the time. On tmpfs.
use v5.30;
use warnings;
use Test::More;
use Omakase::Client qw(get);
use Omakase::Instance;
use Omakase::Weblog qw(generations lines loggers until_true);

plan skip_all => 'only root can mount a small file system' if $>;
# In a mount namespace of its own: its mounts go with this test.
if (!$ENV{OMAKASE_OWN_MOUNTS}) {
    $ENV{OMAKASE_OWN_MOUNTS} = 1;
    plan skip_all => 'no mount namespaces here' if system 'unshare', '--mount', 'true';
    exec 'unshare', '--mount', '--propagation', 'private', $^X, $0 or die "unshare: $!";
}

my $www = 'www.example.localhost';
my $sent = 0;
$SIG{$_} = sub { exit 1 } for qw(HUP INT PIPE TERM);

# A quarter of it for one log: 32K.
my $i = Omakase::Instance->new(daemons => ['httpd'], weblog => '--wait 128K');
my $srv = $i->root . '/srv';
plan skip_all => 'no tmpfs can be mounted here'
    if system 'mount', '-t', 'tmpfs', '-o', 'size=2m,mode=755', 'omakase-test', $srv;
my $tree = $i->site('ab-cdftp', 'example.localhost');
$i->start;
ask(3);
ok(until_true { logged(3) }, 'with room: each line is there at once');

fill_up();
ask(60);
ok(until_true { $i->httpd->log_text =~ m{OMK0503: ab-cdftp: log/web\.log cannot be written: No space left on device; \d+ bytes wait} },
    'full: the operator hears of it');
is(scalar(grep { !/\n\z/ } lines($tree, 'web.log')), 0, 'and there is no half line');
cmp_ok(scalar(lines($tree, 'web.log')), '<', 63, 'some wait');
unlink "$srv/fill";
ok(until_true { logged(63) }, 'room again: all are there');
is(join(' ', sort { $a <=> $b } ids()), join(' ', 1 .. 63), 'each once, whole');
unlike($i->httpd->log_text, qr/OMK0504/, 'none was dropped');

fill_up();
ask(400); # 50K and more
unlink "$srv/fill";
ok(until_true { $i->httpd->log_text =~ /OMK0504/ }, 'more than can wait: said');
my ($dropped) = $i->httpd->log_text =~ /OMK0504: ab-cdftp: (\d+) lines \(\d+ bytes\) of log\/web\.log were dropped/;
ask(1);
ok(until_true { grep { $_ == 464 } ids() }, 'it goes on');
is($dropped, 464 - ids(), 'exactly those that are missing');
cmp_ok($dropped, '>', 0, "which are $dropped");
is(scalar(grep {!/\A127.*"\n\z/} lines($tree, 'web.log')), 0, 'all others are whole');

fill_up();
my $there = () = ids();
ask(200);
ok($i->stop, 'httpd stops while it is full');
ok(until_true { !loggers($i->root) }, 'and so does the logger, in seconds');
my @said = $i->httpd->log_text =~ /OMK0504: ab-cdftp: (\d+) lines/g;
cmp_ok(scalar(@said), '>=', 2, 'says that lines are lost');
is($said[-1], $there + 200 - ids(), 'and how many');
done_testing;

# Requests one after the other, each with its number.
sub ask {
    my ($n) = @_;
    my %status;
    for (1 .. $n) {
        $sent++;
        $status{get($i, $www, "/?$sent-")->{status}}++;
    }
    is(join(' ', keys %status), 404, "$n requests are answered as ever");
    return;
}

sub ids { return map { m{"GET /\?(\d+)- } ? $1 : () } lines($tree, 'web.log') }
sub logged { my $n = ids(); return $n == $_[0] }

# Up to the last byte.
sub fill_up {
    open my $fh, '>', "$srv/fill" or die "$srv/fill: $!";
    my $size = 65536;
    while ($size >= 1) {
        my $n = syswrite $fh, 'x' x $size;
        $size /= 2 if !defined $n || $n < $size;
    }
    return;
}

END {
    local $?;
    if ($i) {
        $i->stop;
        until_true { scalar(loggers($i->root)) == 0 };
        system "umount -l '$srv' 2>/dev/null" if $srv;
    }
}
