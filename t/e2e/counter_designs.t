#!/usr/bin/perl
# A design dropped into the directory of designs is there at once, a removed one
# is gone, a broken one leaves the old one in place and says so once.
use v5.30;
use warnings;
use File::Path qw(make_path remove_tree);
use Test::More;
use Omakase::Client qw(get);
use Omakase::Counter qw($CGI instance until_true);

my $www = 'www.example.localhost';
my $i = instance(conf => <<'END');
CounterDesigns "${OMAKASE_ROOT}/designs"
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
END
my $dir = $i->root . '/designs';
my $ours = $i->layout('share') . '/designs';
put_design('A', 'A');
$i->start;

my $digits = 'lit=0123456789';
my $a = get_design('A', 200);
get_design('new', 400);
put_design('new', 'D');
my $d = get_design('new', 200);
is(size($d), '90x13', 'a strip dropped in is a new design, with its own size');
put_design('two words', 'D');
is(get($i, $www, "$CGI?$digits|dd=two%20words", Referer => "http://$www/")->{status}, 400, 'a name with a blank is none');

# Another strip under the same name.
put_design('new', 'E');
my $e = until_true { my $now = ask_design('new'); $now->{content} ne $d && $now };
is(size($e->{content}), '60x9', 'another strip in its place is used');

# Broken: the old one stays, and one line says why.
put_text('new', "GIF89a and then nothing\n");
ok((until_true { said() }), 'a broken strip in its place: logged');
is(ask_design('new')->{content}, $e->{content}, 'and the old one goes on');
for my $broken ('', 'x' x 100_000, substr(slurp("$ours/A/strip.gif"), 0, 300)) {
    put_text('new', $broken);
    my $before = said();
    ok((until_true { said() > $before }), 'another broken one: logged');
    is(ask_design('new')->{content}, $e->{content}, 'the old one goes on');
    my $lines = said();
    ask_design('new') for 1 .. 20;
    my $start = time;
    until_true { ask_design('new'); time > $start + 2 };
    is(said(), $lines, 'said once');
}
put_design('new', 'B');
ok((until_true { ask_design('new')->{content} ne $e->{content} }), 'mended: used');
is(size(ask_design('new')->{content}), '150x20', 'the new one');

# A strip that is broken from the start.
put_text('bad', "no GIF\n");
my $bad = ask_design('bad');
is($bad->{status}, 503, 'a design that never was whole: 503');
unlike($bad->{content}, qr/\Q$dir\E/, 'without a path');

# No symbolic link out of it, nothing above it.
symlink "$ours/B", "$dir/link";
isnt(ask_design('link')->{status}, 200, 'a symbolic link is no design');
make_path("$dir/inside");
symlink "$ours/B/strip.gif", "$dir/inside/strip.gif";
isnt(ask_design('inside')->{status}, 200, 'nor is one with a link in it');
is(ask_design($_)->{status}, 400, "dd=" . substr $_, 0, 20) for '../designs/A', '.', '..', '/A', 'A/', 'a/../A', 'A%00', 'A' x 200;

remove_tree("$dir/new");
ok((until_true { ask_design('new')->{status} == 400 }), 'removed: 400');
is(ask_design('A')->{content}, $a, 'the others are as they were');
my @odd = $i->httpd->unexpected(qr/OMK0106: counter: (?:new|bad|link|inside)\b/);
is(join('', @odd), '', 'nothing unexpected in the error logs');
done_testing;

sub ask_design {
    my ($name) = @_;
    return get($i, $www, "$CGI?$digits|dd=$name", Referer => "http://$www/");
}

sub get_design {
    my ($name, $status) = @_;
    my $r = until_true { my $now = ask_design($name); $now->{status} == $status && $now };
    is($r && $r->{status}, $status, "dd=$name: $status");
    return $r->{content};
}

# The strip of one of ours, put in place as a customer's FTP program or cp does.
sub put_design {
    my ($name, $from) = @_;
    return put_text($name, slurp("$ours/$from/strip.gif"));
}

sub put_text {
    my ($name, $bytes) = @_;
    make_path("$dir/$name");
    open my $fh, '>:raw', "$dir/$name/strip.gif" or die "$dir/$name/strip.gif: $!";
    print {$fh} $bytes;
    close $fh or die "$dir/$name/strip.gif: $!";
    return;
}

sub said {
    ask_design('new');
    my $n = () = $i->httpd->log_text =~ /OMK0106: counter: new/g;
    return $n;
}

sub size {
    my ($gif) = @_;
    return $gif =~ /\AGIF8[79]a(....)/s ? join 'x', unpack 'vv', $1 : 'no GIF';
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or die "$file: $!";
    local $/;
    return <$fh>;
}
