#!/usr/bin/perl
# A hostile customer and the CGI wrapper: which file is run, and as whom. Every
# way that is known to have another's script run, or one's own in another's name.
# P40.
use v5.30;
use warnings;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Omakase::CgiAttack qw(as attacks slurp);

# The script that must not run says this.
my $RAN = 'echo GAINED; id -u; cat "$(dirname "$0")/secret" /dev/null 2>/dev/null';

# What alice's site answers for that path; gained when the script has run.
sub alices {
    my ($d, $path, @codes) = @_;
    return asked($d, 1, $path, @codes);
}

sub asked {
    my ($d, $site, $path, @codes) = @_;
    my $r = $d->ask(site => $site, path => $path);
    return "it ran: $r->{out}" if $r->{out} =~ /GAINED/;
    return '' if grep { $r->{codes} eq $_ } @codes;
    return "answered '$r->{codes}', not '@codes': $r->{text} $r->{out}";
}

attacks(
    {name => 'a script of mallory\'s in a directory of alice\'s',
        mutation => ['target.c', 'if (st->st_uid != w->rules->uid) {', 'if (0) {'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'own/x.cgi', $RAN, 0755, by => 'mallory');
            return alices($d, $file, 'E02');
        }},
    {name => 'a script of root\'s',
        mutation => ['target.c', 'if (st->st_uid != w->rules->uid) {', 'if (0) {'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'own/root.cgi', $RAN);
            chown 0, 0, $file;
            return alices($d, $file, 'E02');
        }},
    {name => 'a hard link to a script of alice\'s, asked for as mallory\'s',
        mutation => ['target.c', 'if (st->st_uid != w->rules->uid) {', 'if (0) {'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'hard/x.cgi', $RAN);
            $w->directory(mallory => 'hard');
            unlink "$w->{mallory}{root}/hard/x.cgi";
            link $file, "$w->{mallory}{root}/hard/x.cgi" or die $!;
            return asked($d, 0, "$w->{mallory}{root}/hard/x.cgi", 'E02');
        }},
    {name => 'a script that its group may write to',
        mutation => ['target.c', 'mode & (OTHERS_WRITE | S_ISUID | S_ISGID)', 'mode & (S_ISUID | S_ISGID)'],
        attack => sub { my ($w, $d) = @_; return alices($d, $w->sh(alice => 'own/group.cgi', $RAN, 0775), 'E19') }},
    {name => 'a script that everybody may write to',
        mutation => ['target.c', 'mode & (OTHERS_WRITE | S_ISUID | S_ISGID)', 'mode & (S_ISUID | S_ISGID)'],
        attack => sub { my ($w, $d) = @_; return alices($d, $w->sh(alice => 'own/all.cgi', $RAN, 0757), 'E19') }},
    {name => 'a set-uid script',
        mutation => ['target.c', 'mode & (OTHERS_WRITE | S_ISUID | S_ISGID)', 'mode & OTHERS_WRITE'],
        attack => sub { my ($w, $d) = @_; return alices($d, $w->sh(alice => 'own/suid.cgi', $RAN, 04755), 'E19') }},
    {name => 'a set-gid script',
        mutation => ['target.c', 'mode & (OTHERS_WRITE | S_ISUID | S_ISGID)', 'mode & OTHERS_WRITE'],
        attack => sub { my ($w, $d) = @_; return alices($d, $w->sh(alice => 'own/sgid.cgi', $RAN, 02755), 'E19') }},

    # Directories: who may write to one may put any other file of alice's there.
    {name => 'a directory that everybody may write to',
        mutation => ['target.c', 'return refuse(w->facts, CGIW_E03, CGIW_PLAIN);', '(void)0;'],
        attack => sub { my ($w, $d) = @_; return in_directory($w, $d, 0777, 'E03') }},
    {name => 'a directory that its group may write to',
        mutation => ['target.c', 'return refuse(w->facts, CGIW_E03, CGIW_PLAIN);', '(void)0;'],
        attack => sub { my ($w, $d) = @_; return in_directory($w, $d, 0775, 'E03') }},
    {name => 'a directory like /tmp',
        mutation => ['target.c', 'return refuse(w->facts, CGIW_E03, CGIW_PLAIN);', '(void)0;'],
        attack => sub { my ($w, $d) = @_; return in_directory($w, $d, 01777, 'E03') }},
    {name => 'a directory of mallory\'s',
        mutation => ['target.c', 'return refuse(w->facts, CGIW_E03, CGIW_OWNER);', '(void)0;'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'theirs/sub/x.cgi', $RAN);
            chown $w->{mallory}{uid}, -1, "$w->{alice}{root}/theirs";
            return alices($d, $file, 'E03');
        }},
    {name => 'the site\'s own root, open to all',
        mutation => ['target.c', 'rc = check_root(w);', 'rc = 0;'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'x.cgi', $RAN);
            chmod 0777, $w->{alice}{root};
            my $gained = alices($d, $file, 'E03');
            chmod 0755, $w->{alice}{root};
            return $gained;
        }},

    # Links.
    {name => 'a link where none is allowed',
        mutation => ['target.c', 'return refuse(w->facts, CGIW_E20, CGIW_LINK);', '(void)0;'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'links/x.cgi', $RAN);
            symlink 'x.cgi', "$w->{alice}{root}/links/l.cgi";
            return alices($d, "$w->{alice}{root}/links/l.cgi", 'E20');
        }},
    {name => 'a link of mallory\'s, where a customer\'s own are allowed',
        mutation => ['target.c', 'return refuse(w->facts, CGIW_E20, CGIW_LINK_OWNER);', '(void)0;'],
        sites => {both => 'symlinks=1'},
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'links/x.cgi', $RAN);
            my $link = "$w->{alice}{root}/links/m.cgi";
            unlink $link;
            symlink 'x.cgi', $link or die $!;
            POSIX::lchown($w->{mallory}{uid}, $w->{mallory}{gid}, $link);
            return alices($d, $link, 'E20');
        }},
    {name => 'a link out of the site',
        mutation => ['target.c', 'else if (strcmp(name, "..") == 0) {', 'else if (0) {'],
        sites => {both => 'symlinks=1'},
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'outside/x.cgi', $RAN);
            rename $file, "$w->{dir}/outside.cgi" or die $!;
            my $link = "$w->{alice}{root}/links/out.cgi";
            $w->directory(alice => 'links');
            unlink $link;
            symlink '../../../outside.cgi', $link or die $!;
            POSIX::lchown($w->{alice}{uid}, $w->{alice}{gid}, $link);
            return alices($d, $link, 'E20');
        }},
    {name => 'a link to an absolute path outside',
        mutation => ['target.c', 'O_RDONLY | O_NOFOLLOW | O_NONBLOCK', 'O_RDONLY | O_NONBLOCK'],
        sites => {both => 'symlinks=1'},
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'outside/x.cgi', $RAN);
            rename $file, "$w->{dir}/outside.cgi" or die $!;
            my $link = "$w->{alice}{root}/links/absolute.cgi";
            $w->directory(alice => 'links');
            unlink $link;
            symlink "$w->{dir}/outside.cgi", $link or die $!;
            POSIX::lchown($w->{alice}{uid}, $w->{alice}{gid}, $link);
            return alices($d, $link, 'E20');
        }},
    {name => 'a linked directory',
        mutation => ['target.c', 'openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)', 'openat(w->fd, name, O_PATH | O_CLOEXEC)'],
        attack => sub {
            my ($w, $d) = @_;
            $w->sh(alice => 'real/x.cgi', $RAN);
            symlink 'real', "$w->{alice}{root}/linked";
            POSIX::lchown($w->{alice}{uid}, $w->{alice}{gid}, "$w->{alice}{root}/linked");
            return alices($d, "$w->{alice}{root}/linked/x.cgi", 'E20');
        }},

    # Paths.
    {name => 'a path in mallory\'s site, whose root begins with the name of alice\'s',
        mutation => ['target.c', '(len > n && path[n] != \'/\')', '0'],
        attack => sub {
            my ($w, $d) = @_;
            $w->sh(alice => 'b/x.cgi', $RAN);    # srv/a + b/x.cgi
            my $gained = alices($d, $w->sh(mallory => 'x.cgi', $RAN), 'E20');
            return $gained;
        }},
    {name => 'a path with ..',
        mutation => ['wire.c', '|| (n == 2 && name[0] == \'.\' && name[1] == \'.\')', '',
            'target.c', 'if (part == 3 && memcmp(path + i, "/..", 3) == 0) {', 'if (0) {',
            'target.c', 'else if (strcmp(name, "..") == 0) {', 'else if (0) {'],
        attack => sub {
            my ($w, $d) = @_;
            $w->sh(alice => 'outside/x.cgi', $RAN);
            rename "$w->{alice}{root}/outside/x.cgi", "$w->{dir}/srv/outside.cgi" or die $!;
            return alices($d, "$w->{alice}{root}/../outside.cgi", 'E20', '');
        }},
    {name => 'a path outside',
        attack => sub { my ($w, $d) = @_; return alices($d, '/etc/passwd', 'E20') }},
    {name => 'a path that is too long, empty, relative',
        attack => sub {
            my ($w, $d) = @_;
            for ('', 'x.cgi', '/', '//', $w->{alice}{root}, '/x' x 3000, $w->{alice}{root} . '/x' x 2000, "$w->{alice}{root}/") {
                my $gained = alices($d, $_, 'E20', 'E26', '', 'not sent');
                return $gained if $gained;
            }
            return '';
        }},
    {name => 'a fifo, a directory, a socket, a device',
        attack => sub {
            my ($w, $d) = @_;
            my $dir = $w->directory(alice => 'special');
            POSIX::mkfifo("$dir/fifo.cgi", 0755);
            mkdir "$dir/dir.cgi", 0755;
            system 'mknod', "$dir/null.cgi", 'c', 1, 3;
            chmod 0755, "$dir/null.cgi";
            chown $w->{alice}{uid}, $w->{alice}{gid}, glob "$dir/*";
            for (glob "$dir/*") {
                my $gained = alices($d, $_, 'E20');
                unlink $_;
                return "$_: $gained" if $gained;
            }
            return '';
        }},

    # What the operator has disabled.
    (map {
        my ($name, $change) = @$_;
        {name => "a script that the operator has disabled, $name",
            mutation => ['child.c', "    ask_operator(c);\n", ''],
            config => sub { my ($w) = @_; return "denied\t$w->{dir}/denied" },
            attack => sub {
                my ($w, $d) = @_;
                my $file = $w->sh(mallory => 'bad/x.cgi', $RAN);
                my @st = stat $file;
                open my $fh, '>', "$w->{dir}/denied.new" or die $!;
                print {$fh} "$w->{mallory}{login}\t$st[0]:$st[1]\t$w->{mallory}{root}/bad/x.cgi\t2026-01-01T00:00:00Z\tfor a test\n";
                close $fh;
                rename "$w->{dir}/denied.new", "$w->{dir}/denied" or die $!;
                return asked($d, 0, $change->($w, $file), 'E23');
            }}
    } ['as it was', sub { $_[1] }],
        ['under another name', sub { my ($w, $f) = @_; my $to = "$w->{mallory}{root}/bad/y.cgi"; rename $f, $to; $to }],
        ['in another directory', sub { my ($w, $f) = @_; my $to = $w->directory(mallory => 'good') . '/x.cgi'; rename $f, $to; $to }],
        ['by a hard link', sub { my ($w, $f) = @_; my $to = "$w->{mallory}{root}/bad/z.cgi"; unlink $to; link $f, $to; $to }],
        ['uploaded again', sub { my ($w, $f) = @_; rename $f, "$f.old"; $w->sh(mallory => 'bad/x.cgi', $RAN) }]),
    {name => 'a command of SSI where none is allowed',
        mutation => ['child.c', 'if (r->command && !c->site->execcmd) {', 'if (0) {'],
        attack => sub {
            my ($w, $d) = @_;
            my $r = $d->ask(site => 1, path => $w->{alice}{root}, command => 'echo GAINED; id -u');
            return $r->{out} =~ /GAINED/ ? "it ran: $r->{out}" : $r->{codes} eq 'E23' ? '' : "answered $r->{codes}";
        }},
    {name => 'a command of SSI in another\'s directory', sites => {both => 'execcmd=1'},
        mutation => ['target.c', 'return refuse(w->facts, CGIW_E03, CGIW_OWNER);', '(void)0;'],
        attack => sub {
            my ($w, $d) = @_;
            my $dir = $w->directory(alice => 'commands');
            chown $w->{mallory}{uid}, -1, $dir;
            my $r = $d->ask(site => 1, path => $dir, command => 'echo GAINED; id -u');
            return $r->{out} =~ /GAINED/ ? "it ran: $r->{out}" : $r->{codes} eq 'E03' ? '' : "answered $r->{codes}";
        }},
    {name => 'a line of its own in the usage log, by a script\'s name',
        config => sub { my ($w) = @_; return "log\t$w->{dir}/usage.log" },
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(mallory => "x\n{\"login\":\"forged\",\"a\\\"\xff\x1b.cgi", 'echo ran');
            $d->ask(site => 0, path => $file);
            my $r = $d->ask(site => 1, path => $w->sh(alice => 'good.cgi', 'echo ran'));
            Omakase::CgiAttack::until_true(sub { slurp("$w->{dir}/usage.log") =~ /good\.cgi/ });
            my @lines = split /\n/, slurp("$w->{dir}/usage.log");
            unlink "$w->{dir}/usage.log";
            my @logins = map { eval { JSON::PP::decode_json($_)->{login} } // 'none' } @lines;
            return "@logins" eq "$w->{mallory}{login} $w->{alice}{login}" ? '' : "GAINED: @logins: @lines";
        }},

    # What its owner cannot read himself. Linux needs no more to run a program.
    {name => 'a program that may only be run',
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->put(alice => 'own/program.cgi', slurp('/usr/bin/uname'), 0111);
            my $r = $d->ask(site => 1, path => $file);
            return $r->{out} eq "Linux\n" ? '' : "answered '$r->{codes}': $r->{text} $r->{out}";
        }},
    {name => 'a script that may only be run',
        attack => sub {
            my ($w, $d) = @_;
            return alices($d, $w->sh(alice => 'own/only.cgi', $RAN, 0311), 'E13')
                || alices($d, $w->put(alice => 'own/text.cgi', "no script\n", 0100), 'E13');
        }},

    # What the operator has disabled.
    {name => 'a disabled script, uploaded again and asked for by a link',
        mutation => ['child.c', 'omk_denied_find(c->denied, login, my.target.real, &file)',
            'omk_denied_find(c->denied, login, my.target.shown, &file)'],
        sites => {both => "symlinks=1 shown=/web"},
        config => \&denied,
        attack => sub {
            my ($w, $d) = @_;
            $w->sh(alice => 'bad/x.cgi', $RAN);
            deny($w, '/web/bad/x.cgi', identity("$w->{alice}{root}/bad/x.cgi"));
            $w->sh(alice => 'bad/new', $RAN);
            rename "$w->{alice}{root}/bad/new", "$w->{alice}{root}/bad/x.cgi" or die $!;
            return alices($d, own_link($w, 'bad/l.cgi', 'x.cgi'), 'E23');
        }},
    {name => 'a link that is disabled',
        mutation => ['child.c', 'if (!entry) {', 'if (0) {'],
        sites => {both => "symlinks=1 shown=/web"},
        config => \&denied,
        attack => sub {
            my ($w, $d) = @_;
            $w->sh(alice => 'bad/free.cgi', $RAN);
            deny($w, '/web/bad/disabled.cgi', '0:0');
            return alices($d, own_link($w, 'bad/disabled.cgi', 'free.cgi'), 'E23');
        }},
    {name => 'a disabled script by another name',
        mutation => ['child.c', 'omk_denied_find(c->denied, login, my.target.real, &file)',
            'omk_denied_find(c->denied, login, my.target.real, NULL)'],
        sites => {both => "shown=/web"},
        config => \&denied,
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'bad/y.cgi', $RAN);
            deny($w, '/web/bad/y.cgi', identity($file));
            rename $file, "$w->{alice}{root}/bad/z.cgi" or die $!;
            return alices($d, "$w->{alice}{root}/bad/z.cgi", 'E23');
        }},
    {name => 'another file that got a disabled one\'s inode',
        sites => {both => "shown=/web"},
        config => \&denied,
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'bad/innocent.cgi', 'echo innocent');
            my @st = stat $file;
            deny($w, '/web/bad/was-there.cgi', "$st[0]:$st[1]:1");
            my $r = $d->ask(site => 1, path => $file);
            my $born = qx(stat -c %W '$file') > 0;
            return '' if $born ? $r->{out} =~ /innocent/ : $r->{codes} eq 'E23';
            return "answered '$r->{codes}': $r->{text} $r->{out}";
        }},

    # What is looked at is what runs.
    {name => 'mallory swaps a script in a directory that alice has opened',
        alone => 0, # an interpreter opens what was swapped once more
        mutation => ['target.c', 'return refuse(w->facts, CGIW_E03, CGIW_PLAIN);', '(void)0;',
            'target.c', 'if (st->st_uid != w->rules->uid) {', 'if (0) {'],
        attack => sub {
            my ($w, $d, $a) = @_;
            my $dir = $w->directory(alice => 'swap');
            $w->sh(alice => 'swap/x.cgi', 'echo harmless');
            chmod 01777, $dir;
            chmod 0777, $dir;
            $w->sh(mallory => 'evil.cgi', $RAN);
            my $swapper = swapper($w, "$dir/x.cgi", "$dir/y.cgi", "$w->{mallory}{root}/evil.cgi");
            my ($gained, %codes) = '';
            for (1 .. ($a->{patience} > 10 ? 60 : 2000)) { # a race: it may take its time
                last if $gained;
                my $r = $d->ask(site => 1, path => "$dir/x.cgi");
                $codes{$r->{codes}}++;
                $gained = $r->{out} if $r->{out} =~ /GAINED/;
            }
            kill 'KILL', $swapper;
            waitpid $swapper, 0;
            note(join ', ', map {"$_: $codes{$_}"} sort keys %codes);
            return $gained;
        }},
);

sub denied { return "denied\t$_[0]{dir}/denied" }

# The operator disables a script of alice's.
sub deny {
    my ($w, $path, $file) = @_;
    open my $fh, '>', "$w->{dir}/denied.new" or die $!;
    print {$fh} join("\t", $w->{alice}{login}, $file, $path, '2026-11-25T10:00:00Z', 'spam'), "\n";
    close $fh or die $!;
    rename "$w->{dir}/denied.new", "$w->{dir}/denied" or die $!;
    return;
}

sub identity {
    my @st = stat $_[0] or die "$_[0]: $!";
    return "$st[0]:$st[1]";
}

# A link of alice's in her tree.
sub own_link {
    my ($w, $name, $to) = @_;
    my $link = "$w->{alice}{root}/$name";
    unlink $link;
    symlink $to, $link or die $!;
    POSIX::lchown($w->{alice}{uid}, $w->{alice}{gid}, $link);
    return $link;
}

sub in_directory {
    my ($w, $d, $mode, @codes) = @_;
    my $file = $w->sh(alice => 'open/sub/x.cgi', $RAN);
    chmod $mode, "$w->{alice}{root}/open";
    my $gained = alices($d, $file, @codes);
    chmod 0755, "$w->{alice}{root}/open";
    return $gained;
}

# Puts in turns its own file, a link to it, a link to a directory and what was
# there in a file's place, until it is ended.
sub swapper {
    my ($w, $file, $beside, $own) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    Omakase::CgiAttack::become($w->{mallory});
    my $parent = getppid;
    while (getppid == $parent) {
        rename $file, $beside;
        symlink $own, $file;
        unlink $file;
        link $own, $file;
        unlink $file;
        rename $beside, $file;
    }
    POSIX::_exit(0);
}
