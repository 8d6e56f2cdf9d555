#!/usr/bin/perl
# A full disk: counters that are there count on, or show their last value with a
# line in the log; new ones are shown at st, uncounted; nothing is reset, nothing
# dies of SIGBUS; with room again it all goes on. On tmpfs, and on ext4 and
# btrfs images where the machine can make and mount them.
use v5.30;
use warnings;
use Test::More;
use Omakase::Counter qw($CGI $CGI2 ask cgi_conf count counter_conf instance store tool until_true);

plan skip_all => 'only root can mount a small file system' if $>;
# In a mount namespace of its own: whatever ends this test, its mounts go with
# it, and nobody else ever sees them.
if (!$ENV{OMAKASE_OWN_MOUNTS}) {
    $ENV{OMAKASE_OWN_MOUNTS} = 1;
    plan skip_all => 'no mount namespaces here' if system 'unshare', '--mount', 'true';
    exec 'unshare', '--mount', '--propagation', 'private', $^X, $0 or die "unshare: $!";
}

my $one = 'www.example.localhost';
my $i;
my $n = 0;
my @mounted;
END { local $?; unmount() }
$SIG{$_} = sub { exit 1 } for qw(HUP INT PIPE TERM);

for my $kind (qw(tmpfs ext4 btrfs)) {
    SKIP: {
        # More counters than the store has room for at first, so that it must grow.
        $i = instance(mpm => 'event', conf => "CounterMaxPerCustomer 1000\n" . cgi_conf('event'));
        my $dir = $i->root . '/var/counter';
        my $why = mount_small($kind, $dir);
        skip "$kind: $why", 1 if $why;
        full_disk($kind, $dir);
        $i->stop;
        unmount();
    }
}
done_testing;

sub full_disk {
    my ($kind, $dir) = @_;
    counter_conf($i);
    $i->start;
    note $kind;
    is(hit("df=$one|st=1000"), '200 001000', "$kind: a counter begins");
    is(hit("df=$one"), '200 001001', 'and counts');
    my $fill = "$dir/fill";
    fill_up($fill);

    # One that is there.
    my $value = 1001;
    for my $cgi ($CGI, $CGI2) {
        for (1 .. 20) {
            my ($status, $text) = split / /, hit("df=$one", cgi => $cgi);
            is($status, 200, 'full: an image all the same') if $_ == 1;
            $value++ if $text == $value + 1;
            is($text + 0, $value, 'full: one more, or the last value') if $text != $value || $_ == 20;
        }
    }
    note $value == 1001 ? 'shows the last value' : "counted on to $value";
    is(count($i, $one), $value, 'read: the same');
    ok($value == 1041 || logged(qr/OMK0106: counter: \S+: .*No space left/), 'counted, or logged that there is no space');

    # New ones, until there is no place for more in the store as it is.
    my ($uncounted, @first);
    for my $new (1 .. 500) {
        my $json = hit("df=$one/p$new|st=77", format => 'json');
        if ($json =~ /"counted":false/) {
            $uncounted = $new;
            like($json, qr/^200 \{"text":"000077","count":77,/, "the ${new}th new one finds no room: st, uncounted");
            last;
        }
        push @first, $new;
    }
    ok($uncounted, 'a store on a full disk has no room for ever more');
    ok(logged(qr/OMK0106: counter: \Q@{[store($i)]}\E: no room for more counters: No space left/), 'logged');
    is(hit("df=$one/p$uncounted|st=78", cgi => $CGI), '200 000078', 'st again the next time');
    is(hit("df=$one/p$first[0]", format => 'json') =~ /"count":(\d+)/ && $1 >= 77, 1,
        'those that have begun are not reset');
    my ($rc, $report) = tool('verify', store($i));
    is($rc, 0, 'the store is whole') or diag($report);

    # A start on the full disk.
    $i->httpd->graceful;
    like(hit("df=$one"), qr/^200 00\d{4}$/, 'after a restart there: shown');
    cmp_ok(count($i, $one), '>=', $value, 'from where it was');

    # Without any store: none can be made.
    rename store($i), "$dir/away";
    fill_up("$fill.2");
    ok((until_true { hit("df=$one|st=5") eq '503 the counter is out of order' }), 'no room for the store itself: 503');
    ok(logged(qr/OMK010[26]: counter: \S+: .*No space left/), 'logged');
    my @left = grep { !/fill|away|lost\+found|counters\.key\z/ } glob "$dir/*";
    is("@left", '', 'and nothing half made is left');
    rename "$dir/away", store($i);
    # Each child looks for it once a second.
    ok((until_true { !grep { hit("df=$one") !~ /^200/ } 1 .. 20 }), 'the store is back: so is the counter');

    unlink $fill, "$fill.2";
    my $before = count($i, $one);
    cmp_ok($before, '>=', $value, 'space again: the counter is where it was');
    ok((until_true { hit("df=$one") ne sprintf '200 %06d', $before }), 'and counts on');
    is(hit("df=$one/p$uncounted|st=79"), '200 000079', 'and the new one begins');
    is(hit("df=$one/p$uncounted|st=79"), '200 000080', 'and counts');
    is((tool('verify', store($i)))[0], 0, 'the store is whole');
    is(join('', $i->httpd->unexpected(qr/OMK010[246]: (?:counter|Count\.cgi): .*(?:No space left|not found)/)), '',
        'nothing unexpected in the error logs: no child has died');
    return;
}

sub hit {
    my ($query, %o) = @_;
    $n++;
    my $format = delete $o{format} // 'text';
    return ask($i, "$query|format=$format", from => sprintf('127.1.%d.%d', 1 + $n / 250, 1 + $n % 250), %o);
}

sub logged {
    my ($line) = @_;
    return until_true { $i->httpd->log_text =~ $line };
}

# Not a byte more goes into this file, nor into the file system.
sub fill_up {
    my ($file) = @_;
    open my $fh, '>>:raw', $file or return;
    for my $size (65536, 4096, 512, 1) {
        1 while syswrite $fh, 'x' x $size;
    }
    close $fh;
    return;
}

# Mounts a small file system at $dir; returns why it could not.
sub mount_small {
    my ($kind, $dir) = @_;
    my ($uid, $gid) = (stat $dir)[4, 5];
    if ($kind eq 'tmpfs') {
        return 'cannot be mounted here'
            if system("mount -t tmpfs -o size=300k,mode=0700,uid=$uid,gid=$gid tmpfs '$dir' 2>/dev/null");
        push @mounted, $dir;
        return;
    }
    my $mkfs = "mkfs.$kind";
    return "no $mkfs here" if !grep {-x "$_/$mkfs"} split(/:/, $ENV{PATH}), '/sbin', '/usr/sbin';
    my $image = $i->root . "/$kind.img";
    my $size = $kind eq 'btrfs' ? '120M' : '2M';
    system("truncate -s $size '$image' && PATH=\$PATH:/sbin:/usr/sbin $mkfs -q '$image' >/dev/null 2>&1") == 0
        or return "$mkfs failed";
    return 'no loop mount here' if system("mount -o loop '$image' '$dir' 2>/dev/null");
    push @mounted, $dir;
    chown $uid, $gid, $dir;
    chmod 0700, $dir;
    return;
}

sub unmount {
    $i->stop if $i && @mounted;
    # A Count.cgi may be about to sync.
    for my $dir (@mounted) {
        until_true { system("umount '$dir' 2>/dev/null") == 0 };
    }
    @mounted = ();
    return;
}
