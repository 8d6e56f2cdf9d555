#!/usr/bin/perl
# What `ftpaccess explain --stock` says against what a real ProFTPD does:
# generated trees of .ftpaccess files, clients with and without names, and
# sessions of many commands, each answer compared. P25, P28, P29, P30.
#
# The seed is printed; OMAKASE_SEED=N repeats a run, OMAKASE_SOAK=N makes it N
# times as long.
use v5.30;
use warnings;
use File::Path qw(remove_tree);
use JSON::PP;
use Test::More;
use Omakase::Ftpd;
use Omakase::Instance;

if (my $why = Omakase::Ftpd->missing) { plan skip_all => $why }
my $stage = Omakase::Instance->new(daemons => []);
my $program = $stage->layout('bin') . '/ftpaccess';
plan skip_all => 'ftpaccess is not built' if !-x $program;

my $seed = $ENV{OMAKASE_SEED} // int rand 1e9;
my $wanted = 2400 * ($ENV{OMAKASE_SOAK} // 1);
srand $seed;
diag "OMAKASE_SEED=$seed";

my %host = (
    '127.0.0.2' => 'pc2.tokyo.isp.example.jp',
    '127.0.0.3' => 'PC3.Osaka.isp.example.jp',
    '127.0.0.5' => 'fw.example.net',
    '127.0.0.6' => 'jp',
);
my @addresses = map {"127.0.0.$_"} 2 .. 6;
my %groups = (u1 => [qw(main g1 g2)], u2 => [qw(main g2)]);
my @dirs = qw(/ /web /web/a /web/a/b /web/ab /home /home/u);
my $d = Omakase::Ftpd->new(hosts => \%host, users => {u1 => '/home/u', u2 => '/'});

my ($compared, $sessions, @different) = (0, 0);
make_tree();
$d->start;
while ($compared < $wanted) {
    make_tree();
    one_session() for 1 .. 4;
}
cmp_ok($compared, '>=', $wanted, "$compared answers compared, in $sessions sessions");
is(scalar @different, 0, '0 are different') or diag(join "\n", @different[0 .. ($#different > 9 ? 9 : $#different)]);
done_testing;

# --- files ------------------------------------------------------------------------

sub pick { return $_[rand @_] }
sub chance { return rand() < $_[0] }

# Short spellings (127.0.4) are of an address without a name: one that has a name
# loses it in ProFTPD's cache by them.
sub who {
    return pick(
        '127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.', '127.0.0.2/31', '127.0.0.4/30', '127.0.0.0/8',
        '.jp', '.JP', '.tokyo.isp.example.jp', '.isp.example.jp', '.net', 'fw.example.net',
        'FW.example.net', 'pc3.osaka.isp.example.jp', 'jp', '*.example.net', '*.jp', '127.0.0.*', '127.0.0.[23]',
        'all', 'none', 'ALL', '!127.0.0.2', '!.jp', '127.0.4', '2130706436', '127.0.0.2/', '127.0.0.2/255.0.0.0',
        '127.0.0.2/33', '{', '}', '127.0.0.300', '::1', '::ffff:127.0.0.2', '::ffff:127.0.0.3/120', '::/0',
        '127.0.0.2:21', '{127.0.0.2}', '%{env:X}', '1', 'a.b', '"127.0.0.2"',
    );
}

sub words {
    my @who = map { who() } 1 .. pick(1, 1, 1, 2, 3);
    return join pick(' ', ',', ', '), @who;
}

sub names {
    my (@of) = @_;
    my @names = map { (chance(0.2) ? '!' : '') . pick(@of) } 1 .. pick(1, 1, 2, 3);
    return (chance(0.15) ? pick('AND ', 'OR ', 'and ') : '') . join pick(' ', ','), @names;
}

sub rule {
    my $r = rand;
    return pick('Allow ', 'allow ', 'Deny ') . pick('from ', 'from ', 'From from ', '') . words() if $r < 0.45;
    return 'Deny from all' if $r < 0.55;
    return 'Order ' . pick('Allow,Deny', 'Deny,Allow', 'allow, deny', 'deny,allow', 'Allow Deny', 'allow,,deny')
        if $r < 0.68;
    return pick('AllowUser ', 'DenyUser ') . names(qw(u1 u2 u3 AND)) if $r < 0.76;
    return pick('AllowGroup ', 'DenyGroup ') . names(qw(main g1 g2 g3)) if $r < 0.84;
    return pick('AllowUser', 'DenyUser', 'AllowGroup', 'DenyGroup') . pick(' regex ^u1$', ' regex ^[mg]', ' ,', ' ""', '')
        if $r < 0.87;
    return pick('AllowAll', 'DenyAll', 'denyall', 'DenyAll x') if $r < 0.94;
    return pick('AllowFilter \.txt$', 'DenyFilter \.TXT$ [NC]', 'AllowClass x', 'DenyClass ,', 'DenyFilter "^[/a-z]*v1$"', 'Alow from all',
        "Deny\xe3\x80\x80from all", 'IgnoreHidden on', 'Umask 027', '# Deny from all', "Deny from \\\nall",
        "# comment \\", 'Deny from all # really', '</Limit', 'Satisfy any');
}

sub commands {
    my @c = map {
        pick(qw(ALL READ WRITE DIRS STOR RETR LIST DELE CWD CDUP PWD XPWD MKD XRMD RNFR RNTO SITE_CHMOD SIZE MDTM PASV NOOP NONE LOGIN SITE stor all))
    } 1 .. pick(1, 1, 2, 3);
    return chance(0.35) ? 'ALL' : join pick(' ', ',', ' , '), @c;
}

sub section {
    my $open = chance(0.9) ? '<Limit ' . commands() . '>' : pick('<Limit>', '<Limit ALL', '<limit ALL >', '< Limit ALL>',
        '<Limits ALL>', "\xef\xbb\xbf<Limit ALL>", '<Limit "ALL">');
    my $close = chance(0.9) ? '</Limit>' : pick('', '</Limit', '</limit>', '</Limit> x', "</Limit>\n</Limit>");
    return ($open, (map { '  ' . rule() } 1 .. pick(0, 1, 2, 2, 3, 4)), $close);
}

sub file {
    return pick('', "\n", "# nothing\n", "\xff\xfe<\0L\0i\0m\0i\0t\0") if chance(0.05);
    return "<Limit ALL>\nOrder Allow,Deny\nAllow from " . who() . "\nDeny from all\n</Limit>\n" if chance(0.2);
    my @lines = map { section() } 1 .. pick(1, 1, 2, 3);
    unshift @lines, grep { !/Filter/ } rule() if chance(0.1);
    push @lines, pick('DenyAll', 'AllowAll', 'Allow from all', 'HideFiles ^nothing$') if chance(0.12);
    unshift @lines, '<IfModule ' . pick('mod_core.c', 'mod_nothing.c', '!mod_nothing.c') . '>', 'DenyAll', '</IfModule>'
        if chance(0.05);
    my $end = pick("\n", "\n", "\n", "\r\n");
    return join($end, @lines) . (chance(0.9) ? $end : '');
}

sub make_tree {
    my $tree = $d->tree;
    remove_tree($tree, {keep_root => 1});
    for my $dir (@dirs) {
        $d->make_dir($dir);
        $d->put("$dir/$_", 'x') for 'f.txt', map {"v$_"} 1 .. 8;
        $d->make_dir("$dir/d$_") for 1 .. 8;
        next if chance(0.45);
        $d->put("$dir/.ftpaccess", file());
        my $when = 1_600_000_000 + int rand 3;
        utime $when, $when, "$tree$dir/.ftpaccess";
    }
    return;
}

# --- sessions -----------------------------------------------------------------------

# Lines of a session; what they remove is there once.
sub script {
    my (@lines, %used);
    while (@lines < 30) {
        my $dir = pick(@dirs);
        my $at = $dir eq '/' ? '' : $dir;
        my $victim = sub { my $n = $_[0] . (1 + $used{"$dir $_[0]"}++ % 8); return "$at/$n" };
        my $r = int rand 16;
        next if grep { ($used{"$dir $_"} // 0) >= 8 } 'v', 'd';
        if ($r < 4) { push @lines, "CWD $dir" }
        elsif ($r == 4) { push @lines, 'CDUP' }
        elsif ($r == 5) { push @lines, pick('PWD', 'NOOP') }
        elsif ($r == 6) { push @lines, 'PASV', pick('LIST', "LIST $dir") }
        elsif ($r == 7) { push @lines, 'PASV', 'RETR ' . pick('f.txt', "$at/f.txt") }
        elsif ($r == 8) { push @lines, 'PASV', "STOR $at/anew" . ++$used{new} }
        elsif ($r == 9) { push @lines, 'PASV', "APPE $at/f.txt" }
        elsif ($r == 10) { push @lines, pick("SIZE $at/f.txt", "MDTM $at/f.txt") }
        elsif ($r == 11) { push @lines, 'DELE ' . $victim->('v') }
        elsif ($r == 12) { push @lines, "RNFR " . $victim->('v'), "RNTO $at/anew" . ++$used{new} }
        elsif ($r == 13) { push @lines, 'RMD ' . $victim->('d') }
        elsif ($r == 14) { push @lines, "MKD $at/anew" . ++$used{new} }
        else { push @lines, "SITE_CHMOD $at/f.txt" }
    }
    return @lines;
}

sub expected {
    my ($user, $from, @lines) = @_;
    my @command = ($program, 'explain', '--stock', '--json', '--root', $d->tree, '--from', $from, '--user', $user,
        '--login', $user eq 'u1' ? '/home/u' : '/', '--session', $d->dir . '/session', map { ('--group', $_) } @{$groups{$user}});
    push @command, '--host', $host{$from} if $host{$from};
    Omakase::Ftpd::spew($d->dir . '/session', map {"$_\n"} @lines);
    open my $fh, '-|', @command or die "$program: $!";
    local $/;
    my $out = <$fh>;
    close $fh or die "@command: $?";
    return @{decode_json($out)};
}

# A command whose forerunner is refused is not checked at all.
sub expectation {
    my ($user, $from, @lines) = @_;
    for (;;) {
        my @e = expected($user, $from, @lines);
        my ($bad) = grep { $lines[$_] =~ /^(?:RNTO|LIST)/ && !$e[$_ - 1]{allowed} } 1 .. $#lines;
        return (\@lines, \@e) if !defined $bad;
        splice @lines, $bad, 1;
    }
}

# Whether ProFTPD allows it: 1, 0, or undef where that cannot be told.
sub tried {
    my ($c, $line) = @_;
    if ($line eq 'PASV') { return $c->pasv < 400 }
    if ($line =~ /^(?:LIST|RETR|STOR|APPE)/) {
        my ($code, $got) = $c->transfer($line, $line =~ /^(?:STOR|APPE)/ ? 'x' : undef);
        return $code < 300 && $got =~ /f\.txt/ ? 1 : 0 if $line =~ /^LIST/;
        return $code == 425 || $code < 400;
    }
    my ($code) = $c->command($line =~ s/^SITE_CHMOD/SITE CHMOD 644/r);
    return $code < 400;
}

sub one_session {
    my ($user, $from) = (pick('u1', 'u2'), pick(@addresses));
    my ($lines, $expected) = expectation($user, $from, script());
    my $c = $d->client($from, user => $user);
    $sessions++;
    for my $i (0 .. $#$lines) {
        my $got = tried($c, $lines->[$i]) ? 1 : 0;
        my $want = $expected->[$i]{absent} ? 0 : $expected->[$i]{allowed} ? 1 : 0;
        $compared++;
        next if $got == $want;
        push @different, report($user, $from, $lines, $i, $got, $expected->[$i]);
        last;
    }
    $c->quit;
    restore();
    return;
}

# What a session has taken away.
sub restore {
    for my $dir (@dirs) {
        unlink glob $d->tree . "$dir/anew*";
        rmdir for glob $d->tree . "$dir/anew*";
        $d->put("$dir/v$_", 'x') for 1 .. 8;
        $d->make_dir("$dir/d$_") for 1 .. 8;
    }
    return;
}

sub report {
    my ($user, $from, $lines, $i, $got, $expected) = @_;
    my $text = "$user from $from: " . join('; ', @$lines[0 .. $i]) . "\n  ProFTPD: "
        . ($got ? 'allowed' : 'denied') . ', explain: ' . encode_json($expected) . "\n";
    for my $dir (@dirs) {
        my $file = $d->get("$dir/.ftpaccess") // next;
        my $when = (stat $d->tree . "$dir/.ftpaccess")[9] % 10;
        $text .= "--- $dir ($when)\n$file\n";
    }
    return $text;
}
