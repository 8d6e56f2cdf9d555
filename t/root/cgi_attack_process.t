#!/usr/bin/perl
# A hostile customer and the CGI wrapper: whom a script runs as and what it has
# been handed. Nothing of root's, of httpd's or of another customer's may be left
# in it. P40.
use v5.30;
use warnings;
use POSIX ();
use Test::More;
use Omakase::CgiAttack qw(attacks slurp);
use Omakase::CgiDaemon;

# Started as an operator's shell may start httpd: in root's groups, with a file
# open, signals ignored and blocked, limits raised, an environment.
my $PRIVATE = 9;
my %AS_ROOT = (
    groups => '0 0 4 6 24 27', keep => $PRIVATE,
    environment => {PATH => '/usr/sbin:/usr/bin', OPERATOR => 'operators own', LD_BIND_NOW => 1, PERL5LIB => '/nonexistent'},
    before => sub {
        open my $key, '<', '/etc/shadow' or die $!;
        POSIX::dup2(fileno $key, $PRIVATE);
        $SIG{$_} = 'IGNORE' for qw(PIPE HUP INT USR1);
        POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(POSIX::SIGTERM(), POSIX::SIGALRM(), POSIX::SIGUSR2()));
        umask 0;
        chdir '/root';
    },
);

# landlock_create_ruleset's question for its version; numbered alike everywhere.
sub has_landlock { return syscall(444, 0, 0, 1) > 0 }

# What alice's script says, in a daemon of such an operator's.
sub says {
    my ($w, $d, $lines, %o) = @_;
    my $file = $w->sh(alice => 'process.cgi', $lines);
    my $r = $d->ask(site => 1, path => $file, %o);
    $r->{codes} eq '' or die "refused: $r->{text}\n";
    return $r->{out} =~ s/\AContent-Type: text\/plain\n\n//r;
}

sub differs {
    my ($got, $expected) = @_;
    return $got eq $expected ? '' : $got eq '' ? 'nothing was said' : "GAINED: $got" =~ s/\s+\z//r;
}

my $LISTED = 'return has(names, sizeof names / sizeof *names, name, len)';
my @OPEN = ('environ.c', $LISTED, $LISTED =~ s/return /return 1 || /r);
my %MUTATION = (LD_PRELOAD => \@OPEN, PERL5OPT => \@OPEN, http_proxy => \@OPEN,
    HTTP_PROXY => ['environ.c', '|| has(never, sizeof never / sizeof *never, name, len)', '']);

attacks(
    {name => 'supplementary groups of root\'s', start => \%AS_ROOT,
        mutation => ['child.c', 'c->own_uid == 0 && setgroups(0, NULL) != 0', '0',
            'child.c', '|| (c->own_uid == 0 && getgroups(0, NULL) != 0)', ''],
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, 'id -G'), "$w->{alice}{gid}\n") }},
    {name => 'root\'s group', start => \%AS_ROOT,
        mutation => ['child.c', 'setresgid(gid, gid, gid) != 0', '0',
            'child.c', '|| rg != gid || eg != gid || sg != gid', '',
            'child.c', '|| (c->own_uid == 0 && setgid(0) == 0)', ''],
        attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, 'grep ^Gid: /proc/self/status'), "Gid:" . "\t$w->{alice}{gid}" x 4 . "\n");
        }},
    {name => 'root', start => \%AS_ROOT,
        mutation => ['child.c', 'setresuid(uid, uid, uid) != 0', '0',
            'child.c', 'r != uid || e != uid || s != uid', '0',
            'child.c', 'setuid(0) == 0 || setresuid((uid_t)-1, 0, (uid_t)-1) == 0', '0',
            'child.c', '|| (c->own_uid == 0 && setgid(0) == 0)', ''],
        attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, 'grep ^Uid: /proc/self/status'), "Uid:" . "\t$w->{alice}{uid}" x 4 . "\n");
        }},
    {name => 'root again', start => \%AS_ROOT,
        mutation => ['child.c', 'setresuid(uid, uid, uid) != 0', 'setresuid(0, uid, uid) != 0',
            'child.c', 'r != uid || e != uid || s != uid', '0',
            'child.c', 'setuid(0) == 0 || setresuid((uid_t)-1, 0, (uid_t)-1) == 0', '0'],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->perl(alice => 'again.cgi', <<'EOT');
use POSIX ();
$< = 0; $> = 0; POSIX::setuid(0); POSIX::setgid(0); $) = '0 0';
print "GAINED $< $>" if !$< || !$>;
print "SHADOW" if open my $f, '<', '/etc/shadow';
EOT
            my $r = $d->ask(site => 1, path => $file);
            die "refused: $r->{text}\n" if $r->{codes};
            return $r->{out} =~ /(GAINED.*|SHADOW)/ ? $1 : '';
        }},
    {name => 'capabilities', start => \%AS_ROOT,
        attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, 'grep -E "^Cap(Inh|Prm|Eff|Amb)" /proc/self/status'),
                join '', map {"Cap$_:\t0000000000000000\n"} qw(Inh Prm Eff Amb));
        }},
    {name => 'descriptors: 0, 1, 2 and (here: of ls) 3', start => \%AS_ROOT,
        mutation => ['main.c', 'close_range(FD_FIRST_FREE, ~0U, 0) != 0', '0',
            'child.c', 'close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0', '0'],
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, 'exec ls /proc/self/fd'), "0\n1\n2\n3\n") }},
    {name => 'a file that the operator has open', start => \%AS_ROOT,
        mutation => ['main.c', 'close_range(FD_FIRST_FREE, ~0U, 0) != 0', '0',
            'child.c', 'close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0', '0'],
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, "echo said; head -1 <&$PRIVATE 2>/dev/null"), "said\n") }},
    {name => 'the daemon\'s own sockets and tables', start => \%AS_ROOT,
        attack => sub {
            my ($w, $d) = @_;
my $links = says($w, $d, 'exec ls -l /proc/self/fd');
            return $links =~ /(\S+ -> (?:socket|memfd|.memfd|anon_inode).*)/ ? "GAINED: $1" : $links =~ /pipe/ ? '' : $links;
        }},
    {name => 'the environment of who started httpd', start => \%AS_ROOT,
        mutation => ['main.c', '(void)clearenv();', '',
            'child.c', 'execve(path, argv, my.envp)', 'execve(path, argv, environ)'],
        attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, 'tr "\0" "\n" </proc/$$/environ | grep -E "OPERATOR|LD_BIND|PERL5LIB|/usr/sbin"'), '');
        }},
    {name => 'signals ignored', start => \%AS_ROOT,
        mutation => ['main.c', '    cgiw_signals_default();', ''],
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, 'grep ^SigIgn /proc/$$/status'), "SigIgn:\t0000000000000000\n") }},
    {name => 'ends of children ignored', start => {before => sub { $SIG{CHLD} = 'IGNORE' }},
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, 'grep ^SigIgn /proc/$$/status'), "SigIgn:\t0000000000000000\n") }},
    {name => 'signals blocked', start => \%AS_ROOT,
        mutation => ['child.c', 'sigprocmask(SIG_SETMASK, &none, NULL) != 0', '0'],
        attack => sub {
            my ($w, $d) = @_; # dash would unblock them
            my $r = $d->ask(site => 1, path => $w->perl(alice => 'mask.cgi', 'open my $f, "<", "/proc/self/status"; print grep /^SigBlk/, <$f>;'));
            return differs($r->{out} =~ s/\A.*\n\n//r, "SigBlk:\t0000000000000000\n");
        }},
    {name => 'a umask of 0', start => \%AS_ROOT,
        mutation => ['child.c', '(void)umask(c->site->umask);', ''],
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, 'umask'), "0022\n") }},
    {name => 'a core dump', start => \%AS_ROOT,
        mutation => ['limits.c', 'rc = lower(RLIMIT_CORE, 0, 0)', 'rc = 0'],
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, 'ulimit -Hc; ulimit -c unlimited 2>/dev/null && echo raised'), "0\n") }},
    {name => 'limits raised again', start => \%AS_ROOT, sites => {alice => 'cpu=20 processes=30'},
        attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, 'ulimit -St unlimited 2>/dev/null; ulimit -Ht unlimited 2>/dev/null; ulimit -St'), "20\n");
        }},
    {name => 'the session of the daemon', start => \%AS_ROOT,
        mutation => ['child.c', 'if (setsid() < 0 && c->fds.control >= 0) {', 'if (0) {'],
        attack => sub {
            my ($w, $d) = @_;
            my ($pid, $pgrp, $sid) = split ' ', says($w, $d, 'read -r pid comm state ppid pgrp sid rest </proc/$$/stat; echo $pid $pgrp $sid');
            return $pid == $pgrp && $pid == $sid ? '' : "GAINED: pid $pid, group $pgrp, session $sid";
        }},
    {name => 'the directory that the daemon stands in', start => \%AS_ROOT,
        mutation => ['child.c', 'if (fchdir(my.target.dir_fd) != 0) {', 'if (0) {'],
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, 'pwd -P'), "$w->{alice}{root}\n") }},
    {name => 'arguments made of the query',
        attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, 'echo $#', env => {QUERY_STRING => '-d+x'}), "0\n");
        }},
    {name => 'a query that php would take for an option',
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->put(alice => 'php.cgi', "#!/usr/bin/php\n<?php echo 'ran', \$argc ?? 0;");
            for ('-s', '-d+x', '-d+allow_url_include%3d1+-d+auto_prepend_file%3d/etc/passwd', '-n', '-T+1') {
                my $r = $d->ask(site => 1, path => $file, env => {QUERY_STRING => $_, REDIRECT_STATUS => '200'});
                return "$_: $r->{codes} $r->{out}" if $r->{out} =~ /root:|<\?php|php -|<code>|argc/ || $r->{out} !~ /ran/;
            }
            return '';
        }},

    {name => 'a body that php would take for its script',
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->put(alice => 'php.cgi', "#!/usr/bin/php\n<?php echo 'her own';");
            for ("QUERY_STRING=-\0", "QUERY_STRING=-f+/dev/stdin\0", "PATH_TRANSLATED=/dev/stdin\0", "SCRIPT_FILENAME=/dev/stdin\0", "A=b\0",
                "REDIRECT_STATUS=\0GATEWAY_INTERFACE=CGI/1.1\0SCRIPT_FILENAME=/dev/stdin\0PATH_INFO=/x\0") {
                my $r = $d->ask(site => 1, path => $file, stdin => '<?php echo "GAINED", file_get_contents(__DIR__ . "/secret"); ?>', block => $_);
                return "$r->{out}" if $r->{out} =~ /GAINED/;
                return "$r->{codes} $r->{out}" if $r->{out} !~ /her own/;
            }
            return '';
        }},

    # Fences, where the operator has put them up.
    (!has_landlock() ? () :
        {name => 'a file that everybody may read, elsewhere, for a site that is confined', sites => {both => 'confine=1'},
            mutation => ['spawn.c', 'if (!site->confine) {', 'if (1) {'],
            attack => sub {
                my ($w, $d) = @_;
                my $elsewhere = '/var/lib/dpkg/status'; # not in /tmp, which it may use
                return differs(says($w, $d, "echo begun; head -c 9 $elsewhere 2>/dev/null"), "begun\n");
            }}),
    {name => 'privileges of set-id programs, for a site that shall have none', sites => {both => 'nnp=1'},
        mutation => ['child.c', 'c->site->nnp ? cgiw_confine_no_new_privs() : 0', '0'],
        attack => sub { my ($w, $d) = @_; return differs(says($w, $d, 'grep ^NoNewPrivs /proc/self/status'), "NoNewPrivs:\t1\n") }},

    # What httpd's worker sends, when it is another's.
    (map {
        my ($name, $value) = @$_;
        {name => "a worker's $name", mutation => $MUTATION{$name}, attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, "tr '\\0' '\\n' </proc/\$\$/environ | grep '^$name=' | grep -vF '=$w->{alice}{root}'", env => {$name => $value}), '');
        }}
    } ['LD_PRELOAD', '/tmp/evil.so'], ['LD_LIBRARY_PATH', '/tmp'], ['LD_AUDIT', '/tmp/evil.so'], ['PERL5OPT', '-Mevil'],
        ['PERL5LIB', '/tmp'], ['PERL5DB', 'BEGIN { evil }'], ['PYTHONPATH', '/tmp'], ['RUBYOPT', '-revil'], ['BASH_ENV', '/tmp/evil'],
        ['ENV', '/tmp/evil'], ['IFS', 'x'], ['PHPRC', '/tmp'], ['PHP_INI_SCAN_DIR', '/tmp'], ['NODE_OPTIONS', '-r /tmp/evil'],
        ['GCONV_PATH', '/tmp'], ['LOCPATH', '/tmp'], ['MALLOC_PERTURB_', '1'], ['TMPDIR', '/etc'], ['HTTP_PROXY', 'http://evil.localhost/'],
        ['http_proxy', 'http://evil.localhost/'], ['SSL_CERT_FILE', '/tmp/evil.pem'], ['SSL_CERT_DIR', '/tmp'], ['PWD', '/etc'], ['SHELL', '/tmp/evil'], ['PATH_', '/tmp']),
    {name => 'a worker\'s PATH, HOME, USER',
        mutation => [@OPEN],
        attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, 'echo $PATH; echo $HOME; echo $USER $LOGNAME',
                    env => {PATH => '/tmp/evil', HOME => '/root', USER => 'root', LOGNAME => 'root'}),
                "/usr/local/bin:/usr/bin:/bin\n$w->{alice}{root}\n$w->{alice}{login} $w->{alice}{login}\n");
        }},
    {name => 'a worker\'s value of what the operator has set',
        config => sub { my ($w) = @_; return ("setenv\tOPERATORS\this own", "passenv\tOPERATORS", "site-setenv\t1\tPHP_INI_SCAN_DIR\t:/usr/share/his") },
        mutation => ['environ.c', 'rc = rc ? rc : add_words(b, r->setenv);', ''],
        attack => sub {
            my ($w, $d) = @_;
            return differs(says($w, $d, 'echo "$OPERATORS"; echo "$PHP_INI_SCAN_DIR"', env => {OPERATORS => 'evil', PHP_INI_SCAN_DIR => '/tmp/evil'}),
                "his own\n:/usr/share/his\n");
        }},
    {name => 'a worker\'s library in alice\'s Perl, which reads what is hers',
        mutation => [@OPEN],
        attack => sub {
            my ($w, $d) = @_;
            my $evil = $w->directory(mallory => 'lib');
            $w->put(mallory => 'lib/evil.pm', "package evil; open my \$f, '<', '$w->{alice}{root}/secret'; print \"\\n\\nGAINED \", <\$f>; 1;\n", 0644);
            my $file = $w->perl(alice => 'innocent.cgi', 'print "innocent\n";');
            my $r = $d->ask(site => 1, path => $file, env => {PERL5OPT => '-Mevil', PERL5LIB => $evil});
            return $r->{out} =~ /(GAINED.*)/ ? $1 : $r->{out} =~ /innocent/ ? '' : "$r->{codes} $r->{err}";
        }},
    {name => 'functions for bash in a header\'s name',
        mutation => ['environ.c', '!is_name(name, len)', '0',
            @OPEN],
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->put(alice => 'bash.cgi', "#!/bin/bash\necho Content-Type: text/plain\necho\nls /nonexistent 2>/dev/null\n");
            my $r = $d->ask(site => 1, path => $file, env => {'BASH_FUNC_ls%%' => '() { echo GAINED; }', 'HTTP_X' => '() { :; }; echo GAINED'});
            return $r->{out} =~ /GAINED/ ? 'GAINED: it ran' : '';
        }},
    {name => 'an environment that is too large is an error, and nothing is cut',
        attack => sub {
            my ($w, $d) = @_;
            my $file = $w->sh(alice => 'large.cgi', 'env | wc -c');
            my $r = $d->ask(site => 1, path => $file, env => {map { ("HTTP_X$_" => 'y' x 8000) } 1 .. 100});
            return "100 headers of 8000 bytes: $r->{codes} $r->{out}" if $r->{codes} ne '' || $r->{out} !~ /^8\d{5}$/m;
            $r = $d->ask(site => 1, path => $file, env => {HTTP_X => 'y' x 140_000});
            return "one of 140,000: $r->{codes} $r->{out}" if $r->{codes} ne 'E25';
            return '';
        }},
);
