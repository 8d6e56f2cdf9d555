package Omakase::CgiAttack;

# Two customers of one machine, and attacks of one on the other by way of the CGI
# wrapper's daemon. Each attack is tried twice: on the daemon as it is, where it
# has to gain nothing, and on one whose source lacks what holds it (MUTATION),
# where it has to gain something, else it would show nothing.
#
#   attacks(
#       {name => 'a script of another\'s',
#        mutation => ['target.c', 'if (st->st_uid != uid)', 'if (0)'],
#        sites => {alice => 'symlinks=1'},
#        attack => sub { my ($w, $d) = @_; ...; return $what_was_gained }},
#       ...);
#
# The attack gets the hash, too, with patience: for how many seconds a machine may
# be busy before something has not happened.
#
# modes: ['groups'], ['no groups'] or both: with control groups, or as where there
# are none. ends: the daemon has to end by itself; kills: that it ends is what is gained.
#
# A mutation is a file of cgi-wrapper/, a text that it has exactly once, and what
# stands there instead; three words more for each further place. Where a second
# check would hold the attack all the same, the mutation has both, and it is
# tried as well that each of them alone holds it (unless alone => 0). A text that
# begins with "died: refused" counts as held there.

use v5.30;
use warnings;
use Carp;
use Exporter 'import';
use Fcntl qw(:mode);
use File::Path qw(make_path remove_tree);
use File::Spec;
use File::Temp ();
use Omakase::CgiDaemon;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

our @EXPORT_OK = qw(as attacks processes slurp until_true world);

*until_true = \&Omakase::CgiDaemon::until_true;

my $world;

# What there is for all attacks of a test; made at the first call. Users with
# random names, removed at the end with all of their processes.
sub world {
    return $world if $world;
    my $dir = File::Temp->newdir('omakase-test-XXXXXX', TMPDIR => 1, CLEANUP => 0);
    chmod 0755, "$dir";
    my %w = (owner => $$, dir => "$dir", keep => $dir, build => _build());
    for my $who (qw(mallory alice)) {
        my $login = 'oa' . join '', map { ('a' .. 'z')[rand 26] } 1 .. 8;
        system('useradd', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/bin/sh', $login) == 0
            or croak "useradd $login failed";
        my (undef, undef, $uid, $gid) = getpwnam $login;
        $w{$who} = {login => $login, uid => $uid, gid => $gid};
    }
    $world = bless \%w, __PACKAGE__;
    # One root's name is the beginning of the other's.
    $world->tree(alice => "$dir/srv/a");
    $world->tree(mallory => "$dir/srv/ab");
    $world->secret;
    return $world;
}

sub _build {
    my $build = $ENV{OMAKASE_BUILDDIR} // '.';
    -e "$build/.libs/libcgiw.a" or plan skip_all => 'built without the CGI wrapper';
    return File::Spec->rel2abs($build);
}

sub tree {
    my ($w, $who, $root) = @_;
    make_path($root);
    chown $w->{$who}{uid}, $w->{$who}{gid}, $root or croak "$root: $!";
    chmod 0755, $root;
    $w->{$who}{root} = $root;
    return;
}

# A text that nobody but alice may read.
sub secret {
    my ($w) = @_;
    $w->{secret} = "alices own $$ " . join '', map { ('a' .. 'z')[rand 26] } 1 .. 12;
    $w->put(alice => 'secret', "$w->{secret}\n", 0600);
    return;
}

# A file of who's below who's root; by => 'mallory' makes it another's.
sub put {
    my ($w, $who, $name, $text, $mode, %o) = @_;
    my $file = "$w->{$who}{root}/$name";
    $w->directory($who, $name =~ s{/?[^/]*\z}{}r);
    unlink $file;
    open my $fh, '>', $file or croak "$file: $!";
    print {$fh} $text;
    close $fh or croak "$file: $!";
    my $owner = $w->{$o{by} // $who};
    chown $owner->{uid}, $owner->{gid}, $file or croak "$file: $!";
    chmod $mode // 0755, $file or croak "$file: $!";
    return $file;
}

sub directory {
    my ($w, $who, $name) = @_;
    my $path = $w->{$who}{root};
    for my $part (split m{/}, $name) {
        $path .= "/$part";
        next if -d $path;
        mkdir $path or croak "$path: $!";
        chown $w->{$who}{uid}, $w->{$who}{gid}, $path;
        chmod 0755, $path;
    }
    return $path;
}

# A shell script; its header first.
sub sh {
    my ($w, $who, $name, $lines, @more) = @_;
    return $w->put($who, $name, "#!/bin/sh\necho Content-Type: text/plain\necho\n$lines\n", @more);
}

sub perl {
    my ($w, $who, $name, $lines, @more) = @_;
    return $w->put($who, $name, "#!/usr/bin/perl\n\$| = 1;\nprint \"Content-Type: text/plain\\n\\n\";\n$lines\n", @more);
}

# Sites 0 (mallory) and 1 (alice); $keys: further KEY=VALUE of each, blanks
# between; $more: further records, sites from 2 on.
sub config {
    my ($w, $keys, @more) = @_;
    return [(grep { !/\Asite/ } @more), (map {
        my ($who, $id) = @$_;
        my $u = $w->{$who};
        join "\t", 'site', $id, @$u{qw(login uid gid root login root)}, split / /, $keys->{$who} // $keys->{both} // ''
    } ['mallory', 0], ['alice', 1]), grep {/\Asite/} @more];
}

sub daemon {
    my ($w, $program, $a) = @_;
    my $d = Omakase::CgiDaemon->start(program => $program,
        config => $w->config($a->{sites} // {}, $a->{grouped} ? "cgroup\tomakase-test-$$" : (), ref $a->{config} eq 'CODE' ? $a->{config}->($w) : @{$a->{config} // []}),
        %{$a->{start} // {}});
    return $d;
}

# Runs them: see above.
sub attacks {
    my (@attacks) = @_;
    plan skip_all => 'needs root: users, and a daemon that becomes them' if $>;
    my $w = world();
    my @only = split /\|/, $ENV{ATTACK} // '';
    for my $a (map { _modes($_) } @attacks) {
        next if @only && !grep { $a->{name} =~ /$_/ } @only;
        is(_try($w, _stage_program(), {%$a, patience => 60}), '', "$a->{name}: gains nothing");
        my @edits = @{$a->{mutation} // next};
        my @single;
        push @single, [splice @edits, 0, 3] while @edits;
        if (@single > 1 && ($a->{alone} // 1)) {
            # A script that is not run, as somebody has noticed, is held as well.
            like(_try($w, $w->mutant($_), {%$a, patience => 3}), qr/\A(?:died: refused: .*)?\Z/, "$a->{name}: nor without one check in $$_[0]") for @single;
        }
        like(_try($w, $w->mutant(@single), {%$a, patience => 3}), qr/GAINED/, "$a->{name}: succeeds without its check in $single[0][0]");
    }
    done_testing();
    return;
}

# One attack for each way in which the daemon holds runs together.
sub _modes {
    my ($a) = @_;
    my $modes = $a->{modes} // return $a;
    return map { {%$a, grouped => $_ eq 'groups', name => "$a->{name} ($_)"} } @$modes;
}

sub _try {
    my ($w, $program, $a) = @_;
    my $begun = time;
    my $d = $w->daemon($program, $a);
    my $gained = eval { $a->{attack}->($w, $d, $a) } // "died: $@";
    if (!$a->{ends} && !$d->alive) {
        $gained = ($a->{kills} ? 'GAINED: ' : '') . "the daemon ended ($gained): " . $d->log;
    }
    _end_processes($w); # or a daemon without its checks would wait for them
    $d->stop;
    note sprintf '%.1f s', time - $begun;
    return $gained;
}

sub _stage_program {
    my $stage = $ENV{OMAKASE_STAGE} // croak 'OMAKASE_STAGE: no stage';
    return (slurp("$stage/layout") =~ /^libexec=(.*)$/m)[0] . '/cgi-wrapper';
}

# The daemon, built with these edits: the changed file before the library, which
# then has no part in it.
sub mutant {
    my ($w, @edits) = @_;
    my $src = $ENV{OMAKASE_SRCDIR} // '..';
    my $dir = "$w->{dir}/mutant" . ++$w->{mutants};
    mkdir $dir or croak "$dir: $!";
    my %text;
    for (@edits) {
        my ($file, $from, $to) = @$_;
        $text{$file} //= slurp("$src/cgi-wrapper/$file");
        my $n = () = $text{$file} =~ /\Q$from\E/g;
        $n == 1 or croak "$file has " . ($n || 'no') . " times: $from";
        $text{$file} =~ s/\Q$from\E/$to/;
    }
    my @objects;
    for my $file (sort keys %text) {
        open my $fh, '>', "$dir/$file" or croak "$dir/$file: $!";
        print {$fh} $text{$file};
        close $fh or croak "$dir/$file: $!";
        push @objects, "$dir/$file";
    }
    push @objects, grep { !$text{(m{-([^-/]+)\.o\z})[0] . '.c'} } glob "$w->{build}/cgi-wrapper/*cgi_wrapper-*.o";
    _cc("$dir/cgi-wrapper", "-I$src/cgi-wrapper", "-I$src/lib", "-I$w->{build}", @objects,
        "$w->{build}/.libs/libcgiw.a", "$w->{build}/.libs/libomakase.a");
    return "$dir/cgi-wrapper";
}

sub _cc {
    my ($out, @args) = @_;
    my @command = ($ENV{CC} // 'cc', qw(-std=gnu11 -O1 -w -D_GNU_SOURCE -static), '-DOMAKASE_VERSION="test"', '-o', $out, @args);
    open my $fh, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command or croak "cc: $!";
    my $text = do { local $/; <$fh> };
    close $fh or croak "@command\n$text";
    return;
}

# What the code returns, run with no more rights than a shell of who's has.
sub as {
    my ($w, $who, $code) = @_;
    pipe my $r, my $out or croak "pipe: $!";
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        close $r;
        become($w->{$who});
        my $said = eval { $code->() } // "died: $@";
        syswrite $out, $said if length $said;
        POSIX::_exit(0);
    }
    close $out;
    my $said = do { local $/; <$r> } // '';
    waitpid $pid, 0;
    return $said;
}

# In a child: gives up root for good.
sub become {
    my ($u) = @_;
    $) = "$u->{gid} $u->{gid}";
    POSIX::setgid($u->{gid});
    POSIX::setuid($u->{uid});
    POSIX::_exit(1) if $< != $u->{uid} || $> != $u->{uid} || $( != $u->{gid};
    chdir '/';
    return;
}

# A user for become(): the one that httpd serves as.
sub worker {
    my (undef, undef, $uid, $gid) = getpwnam 'www-data' or croak 'no user www-data';
    return {uid => $uid, gid => $gid};
}

# Pids of who's processes that are no zombies.
sub processes {
    my ($w, $who) = @_;
    return grep { ((stat "/proc/$_")[4] // -1) == $w->{$who}{uid} && slurp("/proc/$_/stat") !~ /\) Z / }
        map { m{(\d+)\z} } glob '/proc/[0-9]*';
}

sub _end_processes {
    my ($w) = @_;
    for my $who (qw(mallory alice)) {
        until_true(sub { my @p = processes($w, $who) or return 1; kill 'KILL', @p; 0 }, 10);
    }
    return;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<', $file or return '';
    local $/;
    return <$fh> // '';
}

END {
    local ($?, $!, $@);
    if ($world && $world->{owner} == $$) {
        _end_processes($world) if $world->{alice};
        for my $login (map { $world->{$_} ? $world->{$_}{login} : () } qw(mallory alice)) {
            # It refuses while a process is just ending, or another holds the lock.
            until_true(sub { system("userdel $login >/dev/null 2>&1"); !defined getpwnam $login }, 20)
                or warn "user $login is left\n";
        }
        remove_tree($world->{dir}) if !$ENV{OMAKASE_KEEP};
    }
}

1;
