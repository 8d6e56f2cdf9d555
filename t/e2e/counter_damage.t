#!/usr/bin/perl
# A store that is damaged, replaced or out of reach: what can be mended is, what
# cannot answers 503 alone, nothing ever starts anew, httpd lives, and once the
# operator has put things right it counts on without a restart.
use v5.30;
use warnings;
use Digest::SHA ();
use File::Copy qw(copy);
use POSIX ();
use Test::More;
use Omakase::Client qw(get);
use Omakase::Counter qw($CGI $CGI2 ask cgi_conf count counter_conf instance store tool until_true);

my ($one, $two) = ('www.example.localhost', 'www.other.localhost');
my $n = 0;

# One child: what it says in a second is what is said.
my $i = instance(mpm => 'event', conf => "StartServers 1\nServerLimit 1\nThreadsPerChild 8\n"
    . "MaxRequestWorkers 8\nMinSpareThreads 1\nMaxSpareThreads 8\n" . cgi_conf('event'));
counter_conf($i);
my $store = store($i);
$i->start;
my $child = until_true { (grep { cmdline($_) } $i->httpd->children)[0] };

is(hit($one), '200 001000', 'a counter');
is(hit($two), '200 001000', 'and another');

# --- damage ------------------------------------------------------------------

my $at = (tool('where', $store, 'ab-cdftp'))[1];
for my $copy (0, 1) {
    for my $byte (0, 8, 16, 56, 127) {
        my $before = count($i, $one);
        flip($at + 128 * $copy + $byte);
        is(count($i, $one), $before, "byte $byte of copy $copy flipped: the other copy is shown");
        is(hit($one), sprintf('200 %06d', $before + 1), 'and counts on');
        is((tool('verify', $store))[0], 0, 'and both are whole again');
    }
}
ok((until_true { $i->httpd->log_text =~ /OMK0105: counter: \Q$store\E: \d+ damaged/ }), 'logged: OMK0105');
flip($at + 20);
like(hit($one, cgi => $CGI2), qr/^200/, 'mended by Count.cgi as well');
like($i->httpd->log_text, qr/OMK0105: Count\.cgi: \Q$store\E: 1 damaged/, 'which says so too');
is((tool('verify', $store))[0], 0, 'whole again');

my $value = count($i, $one);
my $whole = slurp($store);
flip($at + 20, $at + 128 + 20);
for my $cgi ($CGI, $CGI2) {
    my $r = get($i, $one, "$cgi?df=$one|dd=A", Referer => "http://$one/", from => '127.0.3.1');
    is("$r->{status} $r->{headers}{'content-type'}", '503 image/gif', "both copies gone: 503, an image: $cgi");
    is($r->{headers}{'cache-control'}, 'no-store', 'that nobody keeps');
    like(ask($i, "df=$one|format=json", cgi => $cgi, from => '127.0.3.2'),
        qr/^503 \{"error":"the counter is out of order"\}$/, 'JSON says it, and no path');
    is(count($i, $one, cgi => $cgi), undef, 'reading it as well');
    like(hit($two, cgi => $cgi), qr/^200 001/, 'the other counter counts on');
}
ok(saw(qr/OMK0106: counter: \Q$store\E: both copies of the record at byte $at/), 'logged, with the place');
poke($at, substr $whole, $at, 256);
is(hit($one), sprintf('200 %06d', $value + 1), 'put back from a backup: counts on, without a restart');

# The header and a page's head, each with one copy damaged.
for my $offset (0, 8, 16, 40, 2048, 2048 + 40) {
    my $before = count($i, $one);
    next if $offset % 2048 == 8; # the version: below
    flip($offset);
    is(hit($one), sprintf('200 %06d', $before + 1), "header, byte $offset: counts on");
    ok((until_true { (tool('verify', $store))[0] == 0 }), 'and is mended')
        or diag((tool('verify', $store))[1]);
}
my $page = int($at / 4096) * 4096;
for my $offset ($page, $page + 20, $page + 128 + 20) {
    flip($offset);
    my $before = count($i, $one);
    is(hit($one), sprintf('200 %06d', $before + 1), "page's head, byte " . ($offset - $page) . ': counts on');
    poke($page, substr $whole, $page, 256);
}
is((tool('verify', $store))[0], 0, 'whole');

# --- replaced ------------------------------------------------------------------

# What stands at the path now, and what is said about it. The operator moves
# the store away, sees the mistake, and moves it back.
my $away = "$store.away";
my @places = (
    ['a directory', sub { mkdir $_[0] }, qr/cannot open: Is a directory/],
    ['a fifo', sub { POSIX::mkfifo($_[0], 0666); mine($_[0]) }, qr/not a regular file/],
    ['a symbolic link', sub { symlink $away, $_[0] }, qr/cannot open: Too many levels/],
    ['noise', sub { spurt($_[0], "\xa5" x 80_000) }, qr/not a counter store/],
    ['the first half of it', sub { spurt($_[0], substr slurp($store), 0, 20_000) },
        qr/the file has been cut short \(20000 bytes\)/],
    ['nothing of its size', sub { spurt($_[0], '') }, qr/the file has been cut short \(0 bytes\)/],
    ['one that httpd may not open', sub { spurt($_[0], slurp($store)); chmod 0, $_[0] }, qr/cannot open: Permission denied/],
    ['a newer one', sub { spurt($_[0], slurp($store)); newer($_[0]) },
        qr/written by a newer version \(format 2, this program knows 1\); left as it is/],
);
for (@places) {
    my ($what, $put, $line) = @$_;
    SKIP: {
        skip 'httpd has this user here', 1 if $what =~ /may not open/ && $>;
        my $before = count($i, $one);
        $i->httpd->{mark} = length $i->httpd->log_text;
        # Made beside it: httpd would make a new store where it finds none.
        $put->(my $new = "$store.new");
        rename $store, $away;
        rename $new, $store;
        my $sum = sum($store);
        ok((until_true { hit($one) =~ /^503/ }), "$what in its place: 503");
        like(hit($one), qr/^503 the counter is out of order$/, 'says so, without a path');
        like(hit($one, cgi => $CGI2), qr/^503 the counter is out of order$/, 'Count.cgi likewise');
        is(count($i, $one), undef, 'incr=F likewise');
        ok(saw(qr/OMK010[26]: counter: \Q$store\E: $line/), 'logged') or diag(substr $i->httpd->log_text, $i->httpd->{mark});
        is(sum($store), $sum, 'and left as it is');
        many_hits();
        rmdir $store;
        rename $away, $store;
        ok((until_true { hit($one) =~ /^200/ }), 'put right: counts on, without a restart');
        cmp_ok(count($i, $one), '>', $before, 'from where it was');
    }
}

# Cut short where it stands, and a backup moved over it.
my $before = count($i, $one);
copy($store, "$store.backup");
mine("$store.backup");
truncate $store, 5000;
like(hit($one), qr/^503/, 'cut short: 503, and no SIGBUS');
truncate $store, 0;
like(hit($one), qr/^503/, 'to nothing: likewise');
rename "$store.backup", $store;
is(hit($one), sprintf('200 %06d', $before + 1), 'a backup moved over it is taken at once');

# The directory is gone: no store, and none of that name is made.
$before = count($i, $one);
my $dir = $store =~ s{/[^/]*\z}{}r;
rename $dir, "$dir.away";
ok((until_true { hit($one) =~ /^503/ }), 'its directory gone: 503, not a counter that starts anew')
    or diag(hit($one));
rename "$dir.away", $dir;
ok((until_true { hit($one) =~ /^200/ }), 'back: counts on');
cmp_ok(count($i, $one), '>', $before, 'from where it was');

SKIP: {
    skip 'httpd has this user here', 4 if $>;
    rename $store, $away;
    chown 0, 0, $dir;
    chmod 0755, $dir;
    ok((until_true { hit($one) =~ /^503/ }), 'a directory that httpd may not write to: 503');
    ok(saw(qr/OMK0106: counter: \Q$store\E: cannot create: Permission denied/), 'logged');
    chown +(stat $away)[4, 5], $dir;
    rename $away, $store;
    ok((until_true { hit($one) =~ /^200/ }), 'put right: counts on');
    chown 0, 0, $dir;
    like(hit($one), qr/^200/, 'with the store in it, it counts there all the same');
    chown +(stat $store)[4, 5], $dir;
}

is("@{[grep { cmdline($_) } $i->httpd->children]}", $child, 'the same child through all of it');
is((tool('verify', $store))[0], 0, 'the store is whole');
my @odd = $i->httpd->unexpected(qr/OMK010[2456]: (?:counter|Count\.cgi): \Q$store\E/);
is(join('', @odd), '', 'nothing unexpected in the error logs');

# At a start, with a newer store there: refused, and httpd serves.
$i->stop;
newer($store);
my $sum = sum($store);
$i->start;
is(hit($one), '503 the counter is out of order', 'a newer store at start: 503');
like($i->httpd->log_text, qr/OMK0102: counter: \Q$store\E: written by a newer version/, 'logged');
$i->put('ab-cdftp', 'web/index.html', "home\n");
is(get($i, $one, '/index.html')->{content}, "home\n", 'everything else is served');
is(sum($store), $sum, 'and not a byte of it has changed');
$i->stop;
is(sum($store), $sum, 'nor at the stop');
done_testing;

sub hit {
    my ($df, %o) = @_;
    $n++;
    return ask($i, "df=$df|st=1000|format=text", host => $df, from => sprintf('127.1.%d.%d', 1 + $n / 250, 1 + $n % 250), %o);
}

# Since the mark, or at all.
sub saw {
    my ($line) = @_;
    return until_true { substr($i->httpd->log_text, $i->httpd->{mark} // 0) =~ $line };
}

# However many hits: a line a second and no more.
sub many_hits {
    my $mark = length $i->httpd->log_text;
    my $start = time;
    hit($one) for 1 .. 30;
    my $lines = () = substr($i->httpd->log_text, $mark) =~ /OMK010[26]: counter/g;
    cmp_ok($lines, '<=', 2 * (time - $start + 2), "30 hits, $lines lines");
    return;
}

# Children that serve: the daemon of mod_cgid runs the same program and is none.
sub cmdline {
    my ($pid) = @_;
    my $tasks = () = glob "/proc/$pid/task/*";
    return $tasks > 2;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or die "$file: $!";
    local $/;
    return <$fh>;
}

sub spurt {
    my ($file, $text) = @_;
    open my $fh, '>:raw', $file or die "$file: $!";
    print {$fh} $text;
    close $fh or die "$file: $!";
    return mine($file);
}

# A file of httpd's user's, as all in that directory is.
sub mine {
    my ($file) = @_;
    chown +(stat $i->root . '/var/counter')[4, 5], $file if !$>;
    chmod 0600, $file;
    return;
}

# What is there, to the byte.
sub sum {
    my ($file) = @_;
    return -l $file ? 'link to ' . readlink $file : -f $file ? Digest::SHA::sha256_hex(slurp($file)) : (stat $file)[2];
}

sub poke {
    my ($offset, $bytes) = @_;
    open my $fh, '+<:raw', $store or die "$store: $!";
    seek $fh, $offset, 0;
    print {$fh} $bytes;
    close $fh or die "$store: $!";
    return;
}

sub flip {
    my (@offsets) = @_;
    for my $offset (@offsets) {
        poke($offset, chr(ord(substr slurp($store), $offset, 1) ^ 0x5a));
    }
    return;
}

# The file of a program to come: its version says 2.
sub newer {
    my ($file) = @_;
    my $bytes = slurp($file);
    open my $fh, '+<:raw', $file or die "$file: $!";
    for my $copy (0, 2048) {
        seek $fh, $copy + 8, 0;
        print {$fh} pack 'V', 2;
    }
    close $fh or die "$file: $!";
    return;
}
