package Omakase::Browser;

# Headless Chromium, as a visitor of an instance: what a page looks like, what
# its DOM is after loading, what it said on the console. Names below .localhost
# are loopback for it without a resolver.
#
#   my $b = Omakase::Browser->find or plan skip_all => 'no Chromium';
#   my $page = $b->dump_dom("http://www.example.localhost:$port/");
#   $page->{dom}, $page->{console}        # text, [lines]
#   $b->screenshot($url, 'out.png', width => 1280, height => 900);
#   my $pages = $b->print_pdf($url, 'out.pdf');

use v5.30;
use warnings;
use Carp;
use File::Temp ();
use POSIX ();
use Time::HiRes qw(sleep time);

my @NAMES = qw(chromium chromium-browser google-chrome);

# $CHROMIUM, or the first of the usual names; undef where there is none.
sub find {
    my ($class) = @_;
    for my $name ($ENV{CHROMIUM} // (), @NAMES) {
        my ($path) = $name =~ m{/} ? $name : grep {-x} map {"$_/$name"} split /:/, $ENV{PATH};
        return bless {path => $path}, $class if defined $path && -x $path;
    }
    return;
}

sub dump_dom {
    my ($self, $url, %o) = @_;
    my ($out, $err) = $self->_run(\%o, '--dump-dom', $url);
    return {dom => $out, console => [grep {/:CONSOLE[:(]/} split /\n/, $err]};
}

# width, height: of the window in CSS pixels; dark: prefers-color-scheme: dark;
# scale: device pixels a CSS pixel.
sub screenshot {
    my ($self, $url, $file, %o) = @_;
    my (undef, $err) = $self->_run(\%o, '--hide-scrollbars', "--screenshot=$file",
        '--window-size=' . ($o{width} // 1280) . ',' . ($o{height} // 900),
        '--force-device-scale-factor=' . ($o{scale} // 1),
        $o{dark} ? '--blink-settings=preferredColorScheme=0' : (), $url);
    croak "no screenshot of $url:\n$err" if !-s $file;
    return;
}

# As it prints on paper; returns how many pages.
sub print_pdf {
    my ($self, $url, $file, %o) = @_;
    my (undef, $err) = $self->_run(\%o, '--no-pdf-header-footer', "--print-to-pdf=$file", $url);
    # The root of the tree of pages has the number of them all.
    my ($pages) = sort { $b <=> $a } _slurp($file) =~ m{/Count (\d+)}g;
    return $pages // croak "no PDF of $url:\n$err";
}

# (standard output, standard error) of one run in a new profile.
sub _run {
    my ($self, $o, @args) = @_;
    my $home = File::Temp->newdir('omakase-browser-XXXXXX', TMPDIR => 1);
    my @command = ($self->{path}, qw(--headless --disable-gpu --disable-quic --no-first-run
        --disable-background-networking --disable-component-update --disable-sync
        --disable-extensions --disable-dev-shm-usage --enable-logging=stderr
        --virtual-time-budget=10000), $> ? () : '--no-sandbox',
        "--user-data-dir=$home", @args);
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        POSIX::setsid();
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$home/out" or POSIX::_exit(1);
        open STDERR, '>', "$home/err" or POSIX::_exit(1);
        $ENV{HOME} = "$home";
        exec {$command[0]} @command or POSIX::_exit(127);
    }
    my $end = time + ($o->{timeout} // 60);
    sleep 0.02 while !waitpid($pid, POSIX::WNOHANG) && time < $end;
    # Its helper processes are in its session: none may outlive the profile.
    kill 'KILL', -$pid;
    waitpid $pid, 0;
    return map { _slurp("$home/$_") } qw(out err);
}

sub _slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return '';
    local $/;
    return <$fh> // '';
}

1;
