#!/usr/bin/perl
# conf.d/install-packages on a real package with a real service: installed, not
# started, not enabled; and the machine's own policy-rc.d is as it was.
use v5.30;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

plan skip_all => 'installs a package: only in CI, or with OMAKASE_ROOT_TESTS=1'
    if !$ENV{CI} && !$ENV{OMAKASE_ROOT_TESTS};
plan skip_all => 'needs root' if $>;

my $dir = tempdir('omakase-deb-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
my $name = "omakase-test-service-$$";
my $policy = '/usr/sbin/policy-rc.d';
my $had_policy = -e $policy;
END { system "dpkg --purge $name >/dev/null 2>&1" if defined $name && !$> }

sub file {
    my ($path, $mode, $text) = @_;
    system 'mkdir', '-p', "$dir/deb/$path" =~ s{/[^/]*\z}{}r;
    open my $fh, '>', "$dir/deb/$path" or die "$path: $!";
    print {$fh} $text;
    close $fh;
    chmod $mode, "$dir/deb/$path";
}

file('DEBIAN/control', 0644, <<"END");
Package: $name
Version: 1
Architecture: all
Maintainer: nobody <nobody\@localhost>
Description: a service that says when it is started
END
file("etc/init.d/$name", 0755, <<"END");
#!/bin/sh
### BEGIN INIT INFO
# Provides: $name
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
[ "\$1" != start ] || touch $dir/started
END
file("lib/systemd/system/$name.service", 0644, <<"END");
[Service]
ExecStart=/bin/touch $dir/started
[Install]
WantedBy=multi-user.target
END
# What debhelper writes into every package with a service.
file('DEBIAN/postinst', 0755, <<"END");
#!/bin/sh
set -e
deb-systemd-helper enable $name.service >/dev/null || true
update-rc.d $name defaults >/dev/null
invoke-rc.d $name start || true
END
file('DEBIAN/postrm', 0755, <<"END");
#!/bin/sh
set -e
[ "\$1" != purge ] || update-rc.d $name remove >/dev/null
[ "\$1" != purge ] || deb-systemd-helper purge $name.service >/dev/null || true
END
is(system("dpkg-deb --root-owner-group -b $dir/deb $dir/p.deb >/dev/null 2>&1"), 0, 'a package');

is(system("sh $ENV{OMAKASE_SRCDIR}/conf.d/install-packages $dir/p.deb >$dir/log 2>&1"), 0,
    'is installed') or diag(qx(cat $dir/log));
is(qx(dpkg-query -W -f '\${db:Status-Status}' $name), 'installed', 'indeed');
ok(!-e "$dir/started", 'its service is not started');
ok(!-l "/etc/systemd/system/multi-user.target.wants/$name.service", 'nor enabled for systemd');
my @start = glob "/etc/rc[2345].d/S*$name";
is("@start", '', 'nor for sysvinit');
is(!!-e $policy, !!$had_policy, "policy-rc.d is as it was");
ok(!-e "$policy.omakase-saved", 'nothing is left beside it');

# The test bites: dpkg alone starts or enables it.
system "dpkg --purge $name >/dev/null 2>&1";
SKIP: {
    skip 'this machine has a policy of its own', 1 if $had_policy;
    system "dpkg -i $dir/p.deb >$dir/log 2>&1";
    ok(-e "$dir/started" || -l "/etc/systemd/system/multi-user.target.wants/$name.service",
        'dpkg by itself starts or enables it');
}
mta();
done_testing;

# postfix for a machine without an MTA alone. What would be done is seen by
# programs in place of apt's, in a mount namespace of its own.
sub mta {
    mkdir "$dir/bin";
    put("$dir/bin/$_", "#!/bin/sh\necho $_ \"\$@\" >>$dir/done\n[ $_ != debconf-set-selections ] || cat >>$dir/done\n")
        for qw(apt-get debconf-set-selections);
    put("$dir/bin/dpkg-query", "#!/bin/sh\nexit 1\n");
    put("$dir/program", "#!/bin/sh\n");
    put("$dir/none", '');
    chmod 0644, "$dir/none";
    my $with = -e '/usr/sbin/sendmail' or system 'touch', '/usr/sbin/sendmail';
    my ($out, $done) = without_apt("$dir/none");
    like($done, qr{^debconf-set-selections\npostfix postfix/main_mailer_type select Local only\n}m,
        'without an MTA: postfix, for this machine alone');
    like($done, qr/^apt-get .* install nkf postfix$/m, 'is installed');
    ($out, $done) = without_apt("$dir/program");
    like($out, qr/^not installed: postfix; this machine has an MTA$/m, 'where an MTA is it stays');
    like($done, qr/^apt-get .* install nkf$/m, 'the rest is installed');
    unlike($done, qr/postfix/, 'and nothing said of it');
    unlink '/usr/sbin/sendmail' if !$with;
    ok(!-e "$policy.omakase-saved" && !!-e $policy == !!$had_policy, 'policy-rc.d is as it was');
    return;
}

sub put {
    my ($path, $text) = @_;
    open my $fh, '>', $path or die "$path: $!";
    print {$fh} $text;
    close $fh;
    chmod 0755, $path;
    return;
}

# What is said and what done with this file in place of sendmail.
sub without_apt {
    my ($sendmail) = @_;
    unlink "$dir/done";
    my $out = qx(unshare -m sh -c 'mount --bind $sendmail /usr/sbin/sendmail && PATH=$dir/bin:\$PATH && export PATH && sh $ENV{OMAKASE_SRCDIR}/conf.d/install-packages nkf postfix' 2>&1);
    is($?, 0, 'ends well') or diag($out);
    open my $fh, '<', "$dir/done" or return ($out, '');
    local $/;
    return ($out, <$fh> // '');
}
