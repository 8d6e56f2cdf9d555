#!/usr/bin/perl
# The program ftpaccess: what it finds, mends, explains, writes and renames, also
# in a tree whose owner is hostile. P32, P34.
use v5.30;
use warnings;
use Encode qw(encode);
use Fcntl qw(:mode);
use File::Path qw(make_path);
use File::Temp ();
use JSON::PP;
use POSIX ();
use Test::More;
use Omakase::Instance;

my $stage = Omakase::Instance->new(daemons => []);
my $program = $stage->layout('bin') . '/ftpaccess';
plan skip_all => 'ftpaccess is not built' if !-x $program;
my $dir = File::Temp->newdir;
my ($code, $out, $err);

subtest 'check' => \&check;
subtest 'check a tree' => \&check_tree;
subtest 'fix' => \&fix;
subtest 'explain' => \&explanations;
subtest 'new' => \&new;
subtest 'disable and enable' => \&disable;
subtest 'a hostile tree' => \&hostile;
subtest 'usage' => \&usage;
done_testing;

sub run {
    my (@args) = @_;
    my $input = ref $args[-1] ? ${pop @args} : '';
    spew("$dir/in", $input);
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<', "$dir/in";
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        exec {$program} $program, @args or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    $code = $? & 127 ? "signal $?" : $? >> 8;
    ($out, $err) = (slurp("$dir/out"), slurp("$dir/err"));
    return $code;
}

sub spew {
    my ($path, $text) = @_;
    open my $fh, '>:raw', $path or die "$path: $!";
    print {$fh} $text;
    close $fh or die "$path: $!";
    return;
}

sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or return;
    local $/;
    return scalar(<$fh>) // '';
}

sub rules { return "<Limit ALL>\n    Order Allow,Deny\n" . join('', map {"    Allow from $_\n"} @_) . "    Deny from all\n</Limit>\n" }

# --- texts ---------------------------------------------------------------------

sub check {
    is(run('check', '-', \rules('.jp')), 0, 'a good file');
    is("$out$err", '', 'says nothing');
    is(run('check', '-', \rules('{ 203.0.113.5 }')), 1, 'braces');
    like($out, qr/^-:3:16: the braces.*\n    today: .*\n    right: Allow from 203\.0\.113\.5$/m, 'place, what, today, right');
    is(run('check', '--lang', 'ja', '-', \("\xef\xbb\xbf" . rules('.jp'))), 1, 'a BOM');
    like($out, qr/^-:1:1: .*BOM.*\n    \xe7\x8f\xbe\xe7\x8a\xb6: /m, 'in Japanese');
    is(run('check', '--json', '-', \encode('UTF-16LE', "\x{feff}" . rules('jp'))), 1, 'UTF-16 and a bare domain');
    my @found = @{decode_json($out)};
    is_deeply([map { "$_->{kind} $_->{line}:$_->{column} $_->{severity}" } @found], ['utf-16 1:1 error', 'bare-domain 3:16 error'], 'JSON');
    is($found[1]{mended}, '    Allow from .jp', 'with the mended line');
    is($found[0]{mended}, undef, 'or without');
    is(run('check', '--from', '203.0.113.5', '-', \rules('192.0.2.1')), 1, 'locks out its uploader');
    like($out, qr/^-:4:5: this client would be locked out: CWD/m, 'by which line');
    is(run('check', '--from', '203.0.113.5', '--host', 'a.example.jp', '-', \rules('.jp')), 0, 'one by its name');
    is(run('check', '--no-reverse-dns', '-', \rules('.jp')), 1, 'without reverse DNS');
    like($out, qr/does not look names up: \.jp/, 'a name is a finding');
    return;
}

sub check_tree {
    my $tree = "$dir/tree";
    make_path("$tree/web/a", "$tree/log");
    spew("$tree/.ftpaccess", rules('.jp'));
    spew("$tree/web/.ftpassess", rules('.jp'));
    spew("$tree/web/a/.ftpaccess", "<Limit ALL>\nDenyAll\n");
    spew("$tree/log/ftppass.txt", rules('.jp'));
    is(run('check', '--json', $tree), 1, 'a tree');
    is_deeply([map { "$_->{kind} " . $_->{file} =~ s/^\Q$tree\E//r } @{decode_json($out)}],
        ['not-renamed /log/ftppass.txt', 'misnamed /web/.ftpassess', 'no-end /web/a/.ftpaccess'], 'all of it');
    is(run('check', "$tree/web/.ftpassess"), 1, 'a misprinted name by itself');
    like($out, qr/it must be \.ftpaccess/, 'is a finding');
    is(run('check', "$tree/none"), 66, 'what is not there');
    like($err, qr/^ftpaccess: \S+none: cannot be opened\n\z/, 'is said');
    return;
}

sub fix {
    my $bad = "\xef\xbb\xbf<Limit ALL>\r\nOrder Allow,Deny\r\nAlow\xe3\x80\x80from { jp }\r\nDeny from all\r\n";
    my $good = "<Limit ALL>\r\nOrder Allow,Deny\r\nAllow from .jp\r\nDeny from all\r\n</Limit>\n";
    is(run('fix', '-', \$bad), 0, 'all mended');
    is($out, $good, 'the text');
    is($err, '', 'nothing is left');
    is(run('fix', '-', \rules('1.2.3.256')), 1, 'what cannot be mended');
    is($out, rules('1.2.3.256'), 'stays');
    like($err, qr/^ftpaccess: -:3:16: neither an address nor a name: 1\.2\.3\.256\n\z/, 'and is said');
    my $file = "$dir/.ftpaccess";
    spew($file, $bad);
    chmod 0640, $file;
    is(run('fix', '--write', $file), 0, '--write');
    is(slurp($file), $good, 'the file is mended');
    is(S_IMODE((stat $file)[2]), 0640, 'its mode stays');
    my $inode = (stat $file)[1];
    is(run('fix', '--write', $file), 0, 'again');
    is((stat $file)[1], $inode, 'a good file is not touched');
    symlink $file, "$dir/link";
    is(run('fix', '--write', "$dir/link"), 66, 'a link is not followed');
    return;
}

sub explanations {
    my $tree = "$dir/explain";
    make_path("$tree/web/sub", "$tree/home/u1");
    spew("$tree/.ftpaccess", rules('203.0.113.5'));
    spew("$tree/web/sub/.ftpaccess", "<Limit STOR>\nAllowUser u1\nDenyAll\n</Limit>\n");
    spew("$tree/web/sub/file", 'x');
    my @who = ('explain', '--root', $tree, '--from', '192.0.2.1');
    is(run(@who, '--dir', '/web', '--cmd', 'STOR'), 1, 'no');
    is($out, "STOR /web/file: denied by line 4 of /.ftpaccess: Deny, in the section <Limit> of line 1, for ALL\n", 'and why');
    is(run(@who, '--user', 'u1', '--dir', '/web/sub/', '--cmd', 'stor', '--json'), 0, 'yes');
    is_deeply(decode_json($out), [{command => 'STOR', path => '/web/sub/file', allowed => JSON::PP::true, dir => '/web/sub',
        section => 1, for => 'STOR', line => 2, column => 1, rule => 'AllowUser'}], 'and why, as JSON');
    is(run(@who, '--dir', '/'), 1, 'the usual commands');
    is(scalar(() = $out =~ /denied by line 4/g), 6, 'six of them');
    is(run('explain', '--root', $tree, '--from', '203.0.113.5', '--dir', '/'), 0, 'another client');
    my $session = "DELE /.ftpaccess\nRETR /web/page\n";
    is(run(@who, '--session', '-', \$session), 0, 'a session');
    is(scalar(() = $out =~ /denied/g), 2, 'is denied');
    is(run(@who, '--stock', '--login', '/home/u1', '--session', '-', \$session), 0, 'in a ProFTPD without our module');
    is(scalar(() = $out =~ /allowed: no rule/g), 2, 'it is not: that forgets');
    is(run(@who), 64, 'something is missing');
    is(run(@who, '--dir', '/', '--cmd', 'FEAT'), 64, 'no such command');
    is(run('explain', '--root', "$dir/none", '--from', '192.0.2.1', '--dir', '/'), 66, 'no such tree');
    return;
}

sub new {
    is(run('new', '--allow', '.jp', '--allow', '203.0.113.5'), 0, 'new');
    is($out, rules('.jp', '203.0.113.5'), 'a file');
    is(run('check', '-', \$out), 0, 'without findings');
    is(run('new', '--allow', '192.0.2.0/24', '--for', 'WRITE'), 0, 'for some commands');
    like($out, qr/^<Limit WRITE>$/m, 'those');
    is(run('new', '--allow', $_), 64, "$_ is refused") for 'jp', '203.0.113', '!.jp', "a b", '1.2.3.4/', '', "x\nAllowAll";
    is(run('new', '--allow', '.jp', '--for', 'LOGIN'), 64, 'LOGIN is refused');
    is(run('new'), 64, 'whom?');
    return;
}

# --- renaming --------------------------------------------------------------------

sub disable {
    my $tree = "$dir/base/ab-cdftp";
    my $audit = "$dir/audit.log";
    my @by = ('--audit', $audit, '--who', 'tanaka', '--why', "mail\nof today");
    make_path("$tree/web/a");
    spew("$tree/web/.ftpaccess", 'one');
    is(run('disable', @by, "$tree/web"), 0, 'disable');
    is($out, "$tree/web: .ftpaccess -> .ftpaccess.disabled\n", 'what');
    is(slurp("$tree/web/.ftpaccess.disabled"), 'one', 'renamed');
    ok(!-e "$tree/web/.ftpaccess", 'away');
    is(run('disable', @by, "$tree/web"), 66, 'nothing there');
    spew("$tree/web/.ftpaccess", 'two');
    is(run('disable', @by, "$tree/web"), 0, 'once more');
    is(slurp("$tree/web/.ftpaccess.disabled"), 'one', 'the first one is kept');
    is(slurp("$tree/web/.ftpaccess.disabled.1"), 'two', 'beside the second');
    spew("$tree/web/.ftpaccess", 'three');
    is(run('enable', @by, "$tree/web"), 74, 'enable does not overwrite');
    is(slurp("$tree/web/.ftpaccess"), 'three', 'what is there');
    unlink "$tree/web/.ftpaccess";
    is(run('enable', @by, "$tree/web"), 0, 'enable');
    is(slurp("$tree/web/.ftpaccess"), 'two', 'the last one');

    spew("$tree/$_", 'x') for '.ftpaccess', 'web/a/.ftpaccess';
    is(run('disable', @by, '--json', '--all', '--base', "$dir/base", 'ab-cdftp'), 0, '--all');
    is_deeply([sort map { $_->{dir} =~ s/^\Q$tree\E//r } @{decode_json($out)}], ['', '/web', '/web/a'], 'all of them');
    is(run('disable', @by, '--all', '--base', "$dir/base", $_), 66, "--all $_ is refused") for '../base', '.', '', 'nobody';
    my @lines = split /\n/, slurp($audit);
    is(scalar @lines, 6, 'an audit line each');
    like($lines[0], qr{^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ OMK0525 uid=\d+ disabled \Q$tree\E/web/\.ftpaccess to \.ftpaccess\.disabled by "tanaka": mail of today$},
        'when, what, who, why');
    like($lines[2], qr{OMK0526 uid=\d+ enabled \Q$tree\E/web/\.ftpaccess\.disabled\.1 to \.ftpaccess by}, 'enable too');
    is(S_IMODE((stat $audit)[2]), 0600, 'its mode');

    spew("$tree/web/.ftpaccess", 'x');
    is(run('disable', '--audit', "$dir/none/audit", "$tree/web"), 73, 'without an audit log');
    ok(-e "$tree/web/.ftpaccess", 'nothing is done');
    symlink "$dir/elsewhere", "$dir/audit.link";
    is(run('disable', '--audit', "$dir/audit.link", "$tree/web"), 73, 'nor where it is a link');
    ok(!-e "$dir/elsewhere", 'which is not followed');
    return;
}

sub hostile {
    my $tree = "$dir/hostile/mallory";
    my $victim = "$dir/victim";
    my $audit = "$dir/hostile.log";
    make_path("$tree/web", "$tree/fifo", $victim);
    spew("$victim/.ftpaccess", 'victim');
    spew("$dir/secret", "secret\n");
    symlink $victim, "$tree/door";
    symlink "$dir/secret", "$tree/web/.ftpaccess";
    POSIX::mkfifo("$tree/fifo/.ftpaccess", 0600) or die $!;
    make_path("$tree/dir/.ftpaccess");
    my $evil = "$tree/e\e[2J\n";
    make_path($evil);
    spew("$evil/.ftpaccess", "<Limit \e]0;x\a>\nDenyAll\n</Limit>\n\xff\xfe");

    is(run('check', $tree), 1, 'check ends');
    unlike("$out$err", qr/secret/, 'shows nothing of other files');
    unlike("$out$err", qr/[\0-\x09\x0b-\x1f]/, 'and no control characters');
    like($out, qr{/fifo/\.ftpaccess:1:1: .*cannot be read}, 'a FIFO is no file');
    is(run('explain', '--root', $tree, '--from', '192.0.2.1', '--dir', '/web'), 0, 'explain ends');
    unlike("$out$err", qr/secret/, 'and stays in the tree');
    is(run('explain', '--root', $tree, '--from', '192.0.2.1', '--dir', '/door'), 0, 'a link out of it');
    is(run('fix', '--write', "$tree/web/.ftpaccess"), 66, 'fix follows no link');
    is(slurp("$dir/secret"), "secret\n", 'the other file is as it was');
    is(run('disable', '--audit', $audit, '--all', '--base', "$dir/hostile", 'mallory'), 0, 'disable ends');
    is(slurp("$victim/.ftpaccess"), 'victim', 'and leaves the neighbour alone');
    is(readlink "$tree/web/.ftpaccess.disabled", "$dir/secret", 'a link is renamed itself');
    unlike(slurp($audit), qr/[\0-\x09\x0b-\x1f]/, 'the audit log is clean');
    symlink $victim, "$dir/hostile/trudy";
    is(run('disable', '--audit', $audit, '--all', '--base', "$dir/hostile", 'trudy'), 66, 'a tree that is a link is none');
    return;
}

sub usage {
    is(run(), 64, 'nothing asked');
    is(run('--version'), 0, '--version');
    like($out, qr/^ftpaccess \(omakase\) \d/, 'which');
    is(run('frob'), 64, 'no such command');
    is(run('check'), 64, 'no file');
    is(run('check', '--write', 'x'), 64, "another command's option");
    is(run('check', '--lang', 'fr', 'x'), 64, 'no such language');
  SKIP: {
        skip 'no /dev/full', 1 if !-e '/dev/full';
        is(system("'$program' --help >/dev/full 2>/dev/null") >> 8, 74, 'a full disk is said');
    }
    return;
}
