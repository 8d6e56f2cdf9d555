#!/usr/bin/perl
# What decides user, limits and environment of scripts: where it may stand, how
# an inner level meets an outer, what httpd refuses to start with. What came of
# it is read from the daemon's configuration, which httpd's parent holds.
use v5.30;
use warnings;
use Test::More;
use Omakase::Cgi qw(until_true);

Omakase::Cgi->needs;
my @pw = getpwuid $>;
my $group = getgrgid $pw[3];

merging();
htaccess();
refused();
suexec();
nobody();
done_testing;

# The records of the daemon's configuration, as lists of fields.
sub records {
    my ($w) = @_;
    my $parent = $w->httpd->pid;
    for my $fd (glob "/proc/$parent/fd/*") {
        next if (readlink($fd) // '') !~ /memfd:cgi-wrapper-configuration/;
        open my $fh, '<:raw', $fd or die "$fd: $!";
        local $/;
        return map { [split /\t/, $_, -1] } split /\0/, <$fh>;
    }
    return;
}

# A site's record as a hash, by its root's last directories.
sub site {
    my ($name, @records) = @_;
    my ($r) = grep { $_->[0] eq 'site' && $_->[5] =~ m{/\Q$name\E\z} } @records or return {};
    return {login => $r->[2], uid => $r->[3], gid => $r->[4], user => $r->[6], number => $r->[1],
        map { /\A(\w+)=(.*)\z/s } @$r[8 .. $#$r]};
}

sub merging {
    my $w = Omakase::Cgi->new(customers => 2);
    my ($u1, $u2) = map { $w->user($_) } 0, 1;
    my $srv = $w->root . '/srv';
    mkdir "$srv/$_" for qw(outer own both suexec off plain);
    $w->{conf} = <<"END";
CGIWrapper on
CGIWrapperUser $u1
CGIWrapperLimit cpu=10 memory=256M
CGIWrapperStrict on
CGIWrapperPassEnv GLOBAL
CGIWrapperSetEnv GIVEN "a value"
CGIWrapperInterpreter /usr/bin/php /usr/bin/php-cgi
CGIWrapperDiagnostics 10.0.0.1
CGIWrapperDenied "var/denied"
<VirtualHost *:*>
    ServerName outer.localhost
    DocumentRoot "$srv/outer"
</VirtualHost>
<VirtualHost *:*>
    ServerName both.localhost
    CGIWrapperRoot "$srv/both/" /web/
    CGIWrapperUser $u2
    CGIWrapperCustomer some-body
    CGIWrapperLimit cpu=20 processes=0
    CGIWrapperStrict off
    CGIWrapperSymlinks off
    CGIWrapperIsindex on
    CGIWrapperPerlUnsafeInc on
    CGIWrapperNoNewPrivs on
    CGIWrapperConfine on
    CGIWrapperExecCmd on
    CGIWrapperPassEnv OWN OTHER
    CGIWrapperSetEnv GIVEN his
    CGIWrapperInterpreter /usr/bin/ruby /usr/local/bin/ruby
</VirtualHost>
<VirtualHost *:*>
    ServerName suexec.localhost
    DocumentRoot "$srv/suexec"
    SuexecUserGroup $u2 $group
</VirtualHost>
<VirtualHost *:*>
    ServerName off.localhost
    DocumentRoot "$srv/off"
    CGIWrapper off
</VirtualHost>
END
    $w->{conf} =~ s/SuexecUserGroup (\S+) \S+/'SuexecUserGroup ' . $1 . ' ' . getgrgid((getpwnam $1)[3])/e;
    $w->write_conf;
    $w->start;
    my @r = records($w);
    is_deeply($r[0], ['cgi-wrapper', 1], 'the version comes first');
    my %global = map { $_->[0] => $_->[1] } grep { $_->[0] !~ /site/ } @r;
    is($global{log}, $w->root . '/log/cgi.log', 'CGIWrapperLog');
    is($global{denied}, $w->root . '/var/denied', 'CGIWrapperDenied, below ServerRoot');
    is($global{control}, $w->root . '/run/cgi.sock', 'CGIWrapperSocket, in the runtime directory');
    is($global{passenv}, 'GLOBAL', 'CGIWrapperPassEnv of the main server');
    is_deeply([map {"@$_"} grep { $_->[0] eq 'setenv' } @r], ['setenv GIVEN a value'], 'CGIWrapperSetEnv of the main server');
    is($global{httpd}, $> ? undef : scalar getpwnam('www-data'), 'whom httpd serves as');
    my ($uid1, $uid2) = map { ($w->ids($_))[0] } 0, 1;
    my $s = site('outer', @r);
    is("$s->{uid} $s->{login} $s->{cpu} $s->{memory} $s->{strict} $s->{symlinks} $s->{shown}",
        "$uid1 $u1 10 268435456 1 1 ", 'a host that says nothing: all of the main server\'s');
    is($s->{wall}, undef, 'what nobody says is not said');
    $s = site('both', @r);
    is("$s->{uid} $s->{login} $s->{user} $s->{shown}", "$uid2 some-body $u2 /web", 'a host that says all: its own');
    is("$s->{cpu} $s->{memory} $s->{processes}", '20 268435456 0', 'limits by themselves: its own, and the outer ones');
    is(join('', @$s{qw(strict symlinks isindex unsafeinc nnp confine execcmd)}), '0011111', 'each switch');
    is_deeply([map {"@$_"} grep { $_->[0] =~ /^site-/ } @r], ["site-interpreter $s->{number} /usr/bin/ruby /usr/local/bin/ruby",
        "site-passenv $s->{number} OWN", "site-passenv $s->{number} OTHER", "site-setenv $s->{number} GIVEN his"], 'and its words besides the main server\'s');
    $s = site('suexec', @r);
    is("$s->{uid} $s->{user}", "$uid2 $u2", 'SuexecUserGroup of a host goes before CGIWrapperUser of the main server');
    is_deeply(site('off', @r), {}, 'CGIWrapper off: no site');
    is(scalar(grep { $_->[0] eq 'site' && $_->[5] eq "$srv" } @r), 1, 'the main server is one, too');
    # A host without any directive of ours shares httpd's structures with it.
    system "printf '#!/bin/sh\\necho; pwd\\n' >$srv/outer/a.cgi; chmod 755 $srv/outer/a.cgi; chown $u1 $srv/outer/a.cgi";
    is(Omakase::Client::get($w->i, 'outer.localhost', '/a.cgi')->{content}, "$srv/outer\n", 'and a host has its own root');
    return;
}

sub htaccess {
    my $w = Omakase::Cgi->new(customers => 1);
    my @all = ('CGIWrapper on', 'CGIWrapperUser root', 'SuexecUserGroup root root', 'CGIWrapperCustomer x',
        'CGIWrapperRoot /', 'CGIWrapperLimit cpu=0', 'CGIWrapperPassEnv LD_PRELOAD', 'CGIWrapperSetEnv A b', 'CGIWrapperInterpreter /bin/sh /bin/sh',
        'CGIWrapperDiagnostics 127.0.0.1', 'CGIWrapperStrict off', 'CGIWrapperSymlinks on', 'CGIWrapperIsindex on',
        'CGIWrapperPerlUnsafeInc on', 'CGIWrapperNoNewPrivs off', 'CGIWrapperConfine off', 'CGIWrapperExecCmd on',
        'CGIWrapperProgram /bin/sh', 'CGIWrapperSocket /tmp/x', 'CGIWrapperLog /tmp/x', 'CGIWrapperDenied /tmp/x',
        'CGIWrapperName x');
    $w->start;
    for my $directive (@all) {
        $w->page('x/.htaccess', "$directive\n");
        $w->page('x/a.txt', 'text');
        is($w->get('/x/a.txt')->{status}, 500, ".htaccess: $directive");
    }
    my @known = qx{@{[$w->httpd->command]} -L} =~ /^(\w+) \(mod_cgi_wrapper\.c\)/mg;
    is(join(' ', sort @known), join(' ', sort map { /(\w+)/ } @all), 'these are all of its directives');
    is(scalar(grep {/not allowed here/} $w->errors), scalar @all, 'each because it is not allowed there');
    return;
}

# (refused, what httpd says) of a configuration; of the main server, unless the
# lines say otherwise.
sub check {
    my ($conf, %o) = @_;
    my $w = Omakase::Cgi->new(customers => 1, conf => $conf, %o);
    $w->i->httpd->configure;
    my ($ok, $out) = $w->httpd->check;
    open my $fh, '<', $w->root . '/log/httpd-error.log' or return (!$ok, $out);
    local $/;
    return (!$ok, $out . <$fh>);
}

sub refused {
    my @cases = (
        ['CGIWrapperUser no-such-user', qr/CGIWrapperUser: 'no-such-user' is no user/],
        ['CGIWrapperUser #4294967294', qr/CGIWrapperUser: '#4294967294' is no user/],
        ['CGIWrapperUser nobody no-such-group', qr/CGIWrapperUser: 'no-such-group' is no group/],
        ['CGIWrapperCustomer a/b', qr{CGIWrapperCustomer: 'a/b' is no customer's name}],
        ['CGIWrapperRoot web', qr/CGIWrapperRoot: 'web' is no absolute path/],
        ['CGIWrapperRoot /srv/../etc', qr{CGIWrapperRoot: '/srv/\.\./etc' is no absolute path}],
        ['CGIWrapperRoot /srv web', qr/CGIWrapperRoot: 'web' is no absolute path/],
        ['CGIWrapperLimit cpu', qr/CGIWrapperLimit: 'cpu' is none of cpu=/],
        ['CGIWrapperLimit cpu=1 cup=1', qr/CGIWrapperLimit: 'cup=1' is none of/],
        ['CGIWrapperLimit cpu=-1', qr/CGIWrapperLimit: 'cpu=-1' needs a whole number/],
        ['CGIWrapperLimit cpu=1M', qr/CGIWrapperLimit: 'cpu=1M' needs a whole number/],
        ['CGIWrapperLimit memory=1T', qr/CGIWrapperLimit: 'memory=1T' needs a number of bytes/],
        ['CGIWrapperLimit memory=M', qr/CGIWrapperLimit: 'memory=M' needs a number of bytes/],
        ['CGIWrapperLimit memory=9223372036854775807G', qr/CGIWrapperLimit: 'memory=9223372036854775807G' needs/],
        ['CGIWrapperSetEnv A=B c', qr/CGIWrapperSetEnv: 'A=B' is no variable's name/],
        ["CGIWrapperSetEnv A b\x01", qr/CGIWrapperSetEnv: 'b.*' is empty, or has control/],
        ['CGIWrapperPassEnv A=B', qr/CGIWrapperPassEnv: 'A=B' is no variable's name/],
        ['CGIWrapperInterpreter php /usr/bin/php', qr/CGIWrapperInterpreter: 'php' is no absolute path/],
        ['CGIWrapperDiagnostics example.com', qr/CGIWrapperDiagnostics: 'example\.com' is no address/],
        ['CGIWrapperDiagnostics 10.0.0.0/99', qr{CGIWrapperDiagnostics: '10\.0\.0\.0/99' is no address}],
        ['CGIWrapperDiagnostics off 127.0.0.1', qr/CGIWrapperDiagnostics: 'off' is no address/],
        ['CGIWrapperDiagnostics', qr/CGIWrapperDiagnostics needs off, or addresses/],
        ['CGIWrapperName a/b', qr{CGIWrapperName: 'a/b' is no name of a cgroup}],
        ['CGIWrapperStrict maybe', qr/CGIWrapperStrict must be On or Off/],
        ["CGIWrapperLog \"/x\ty\"", qr/CGIWrapperLog: '.*' is no file's path/],
        ["<VirtualHost *:*>\nServerName v\nCGIWrapperLog /x\n</VirtualHost>", qr/CGIWrapperLog .*(?:global|cannot occur|not allowed)/i],
        ["<VirtualHost *:*>\nServerName v\nCGIWrapperProgram /x\n</VirtualHost>", qr/CGIWrapperProgram .*(?:global|cannot occur|not allowed)/i],
        ["<Directory /srv>\nCGIWrapperUser nobody\n</Directory>", qr/CGIWrapperUser not allowed/],
        ["<Location />\nCGIWrapper on\n</Location>", qr/CGIWrapper not allowed/],
        ["<Files *.cgi>\nCGIWrapperLimit cpu=0\n</Files>", qr/CGIWrapperLimit not allowed/],
    );
    push @cases, $> ? (['CGIWrapper on' . "\nCGIWrapperUser root", qr/OMK0401: .*CGIWrapperUser: 'root': started as uid $>/])
        : (['CGIWrapperUser root', qr/CGIWrapperUser: 'root' is a system account/],
        ['CGIWrapperUser www-data', qr/CGIWrapperUser: 'www-data' is a system account/],
        ['CGIWrapperUser nobody root', qr/CGIWrapperUser: 'root' has a system account's group/],
        ["CGIWrapper on\nSuexecUserGroup root root", qr/OMK0401: .*SuexecUserGroup: 'root' is a system account/],
        ["CGIWrapper on\nSuexecUserGroup no-such-user root", qr/OMK0401: .*SuexecUserGroup: 'no-such-user' is no user/]);
    for (@cases) {
        my ($conf, $why) = @$_;
        my ($refused, $out) = check("$conf\n");
        ok($refused, 'refused: ' . $conf =~ s/\n/; /gr);
        like($out, $why, 'by name and value');
    }
    return;
}

sub suexec {
    my ($refused, $out) = check("SuexecUserGroup no-such-user no-such-group\n");
    ok(!$refused, 'SuexecUserGroup without CGIWrapper is nobody\'s affair, and known') or diag($out);
    return;
}

# A host that has nobody, and a daemon that is not there.
sub nobody {
    my $w = Omakase::Cgi->new(customers => 1);
    my $web = $w->web;
    my $pw = $w->user;
    $w->{conf} = <<"END";
<VirtualHost *:*>
    ServerName nobody.localhost
    DocumentRoot "$web"
    CGIWrapper on
</VirtualHost>
<VirtualHost *:*>
    ServerName off.localhost
    DocumentRoot "$web"
</VirtualHost>
END
    $w->write_conf;
    $w->script('a.cgi', "#!/bin/sh\necho; echo ran\n");
    $w->start;
    for my $host (qw(nobody.localhost off.localhost)) {
        my $r = Omakase::Client::get($w->i, $host, '/a.cgi');
        is($r->{status}, 403, "$host: nobody to run it as: refused");
        unlike($r->{content}, qr/echo/, '... and its source is not shown');
    }
    is(scalar(grep {/OMK0403: .*this host has no CGIWrapper/} split /\n/, $w->httpd->log_text), 2, '... and it is logged');
    is($w->get('/a.cgi')->{content}, "ran\n", 'where there is somebody it runs');
    return;
}
