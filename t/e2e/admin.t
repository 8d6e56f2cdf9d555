#!/usr/bin/perl
# omakase-counter: every command on a store of its own and on that of a live
# httpd, its errors and exit statuses, what it refuses to read, whose files it
# leaves behind.
use v5.30;
use warnings;
use utf8;
use File::Temp ();
use JSON::PP qw(decode_json);
use POSIX ();
use Test::More;
use Omakase::Client qw(get);
use Omakase::Instance;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my ($i, $tool, $dir, $store, $conf);
$i = Omakase::Instance->new(conf => "CounterMaxPerCustomer 3\n");
$tool = $i->layout('sbin') . '/omakase-counter';
plan skip_all => 'built without the counter' if !-x $tool;
$i->site('ab-cdftp', 'example.localhost');
$i->site('cdftp', 'other.localhost');
my ($uid, $gid) = (getpwnam $i->web_user)[2, 3];
$dir = $i->root . '/admin';
own_directory($dir);
$store = "$dir/counters";
$conf = "$dir/counter.conf";
write_file($conf, <<"CONF");
CounterStore $store
CounterDesigns @{[$i->layout('share')]}/designs
CounterEffects @{[$i->layout('lib')]}/counter_effects.so
CounterMaxPerCustomer 3
<VirtualHost *>
    CounterCustomer one
    ServerName www.one.example
    ServerAlias one.example *.one.example
    CounterDigits 3 8
</VirtualHost>
<VirtualHost *>
    ServerName www.two.example
</VirtualHost>
CONF

subtest $_->[0] => $_->[1] for
    ['help and usage' => \&usage],
    ['no store, no configuration' => \&nothing_there],
    ['set, show, list, reset' => \&set_and_show],
    ['import of data files' => \&import_files],
    ['import refuses and is never half' => \&import_refuses],
    ['export and back' => \&round_trip],
    ['verify' => \&verify],
    ['whose files' => \&owners],
    ['tag' => \&tag],
    ['completion' => \&completion],
    ['a live httpd' => \&live];
done_testing;
undef $i; # ends and removes the instance

# --- tools ---------------------------------------------------------------------

sub own_directory {
    my ($path) = @_;
    mkdir $path, 0700 or die "$path: $!";
    chown $uid, $gid, $path if !$>;
    return $path;
}

sub write_file {
    my ($path, $text, $mtime) = @_;
    open my $fh, '>:raw', $path or die "$path: $!";
    print {$fh} $text;
    close $fh or die "$path: $!";
    utime $mtime, $mtime, $path if $mtime;
    return $path;
}

sub slurp {
    my ($path) = @_;
    open my $fh, '<:raw', $path or die "$path: $!";
    local $/;
    return <$fh> // '';
}

# Runs the program: {status, out, err}. in => bytes of its standard input.
sub run {
    my %o = ref $_[0] ? %{shift()} : ();
    my $in = File::Temp->new(TMPDIR => 1);
    my ($out, $err) = map { File::Temp->new(TMPDIR => 1) } 1 .. 2;
    binmode $in;
    print {$in} $o{in} // '';
    $in->flush;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<', "$in";
        open STDOUT, '>', $o{out} // "$out";
        open STDERR, '>', "$err";
        exec {$tool} 'omakase-counter', @_ or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return {status => $? & 127 ? "signal " . ($? & 127) : $? >> 8,
        out => slurp("$out"), err => slurp("$err")};
}

# The same, with the test's own store.
sub on_store {
    my ($command, @args) = @_;
    return run($command, '--store', $store, @args);
}

sub json_of {
    my ($r, $name) = @_;
    my $json = eval { decode_json($r->{out}) };
    ok(defined $json, "$name: JSON") or diag($@, $r->{out}, $r->{err});
    return $json;
}

# Status, and a pattern for standard error.
sub fails {
    my ($r, $status, $says, $name) = @_;
    is($r->{status}, $status, "$name: exit status");
    like($r->{err}, $says, "$name: says why");
    unlike($r->{err}, qr/^(?!omakase-counter: )./m, "$name: in its own name");
    return;
}

sub counters {
    my ($file) = @_;
    my $r = run('list', '--json', '--store', $file // $store);
    return {map { $_->{name} => $_->{count} } @{decode_json($r->{out})}};
}

# --- tests ---------------------------------------------------------------------

sub usage {
    my $help = run('--help');
    is($help->{status}, 0, '--help');
    my @commands = $help->{out} =~ /^  ([a-z]+) /mg;
    cmp_ok(scalar @commands, '>=', 9, 'names the commands');
    for my $c (@commands) {
        my $r = run($c, '--help');
        is("$r->{status}$r->{err}", '0', "$c --help");
        like($r->{out}, qr/^usage: omakase-counter $c\b.*--help/s, 'is its own');
    }
    like(run('--version')->{out}, qr/^omakase-counter \d/, '--version');
    fails(run(), 64, qr/what shall be done\?/, 'no command');
    fails(run('dance'), 64, qr/dance: is no command/, 'another command');
    fails(run('list', '--force'), 64, qr/--force: is no option/, "another command's option");
    fails(run('list', '--sort'), 64, qr/--sort: needs a value/, 'an option without its value');
    fails(run('list', '--sort', 'size'), 64, qr/name, count or time/, 'a value that is none');
    fails(run('show'), 64, qr/argument is missing/, 'an argument too few');
    fails(run('show', 'a', 'b'), 64, qr/too many/, 'an argument too many');
    for my $n (qw(-1 1x 1000000000000000000), '') {
        fails(on_store('set', '--create', 'a', '--', $n), 64, qr/N: takes a number/, "set a '$n'");
    }
    ok(!-e $store, 'and nothing was made for it');
    return;
}

sub nothing_there {
    my $missing = "$dir/no.conf";
    fails(run('list', '--conf', $missing), 66, qr/\Q$missing\E: .*No such file/, '--conf that is not there');
    fails(run('list', '--store', "$dir/none"), 66, qr{\Q$dir\E/none: there is no counter store; httpd},
        '--store that is not there');
    fails(run('set', 'a', 1, '--create', '--store', "$dir/no/such"), 66, qr/directory/, 'nor its directory');
    my $bad = write_file("$dir/bad.conf", "CounterStore $store\n\nCounterSync x\n");
    fails(run('list', '--conf', $bad), 78, qr{bad\.conf:3: CounterSync takes}, 'a mistake in counter.conf');
    my $text = write_file("$dir/text", "12\n" x 9000);
    chown $uid, $gid, $text if !$>;
    fails(run('list', '--store', $text), 65, qr/not a counter store/, 'a file that is no store');
    is(slurp($text), "12\n" x 9000, 'and stays as it was');
    symlink $text, "$dir/link" or die;
    fails(run('verify', '--repair', '--store', "$dir/link"), $> ? 74 : 77, qr/symbolic link|root's/, 'a link to one');
    unlink "$dir/link";
    return;
}

sub set_and_show {
    fails(on_store('set', 'one', 5), 66, qr/no counter store.*--create/s, 'set needs --create for a store');
    is(on_store('set', 'one', 1024, '--create', '--today', 3)->{status}, 0, 'set --create');
    fails(on_store('set', 'two', 5), 66, qr/two: there is no such counter; --create/, 'and for a counter');
    my $one = json_of(on_store('show', 'one', '--json'), 'show');
    is_deeply([@$one{qw(name count today yesterday)}], ['one', 1024, 3, 0], 'what was set');
    cmp_ok(abs($one->{time} - time), '<', 100, 'changed now');
    is_deeply([@{json_of(run('set', 'WWW.One.Example', 7, '--json', '--conf', $conf), 'set')}{qw(name count today)}],
        ['one', 7, 3], 'a host leads to its customer; today stays');
    is(run('set', 'one.example/shop', 70, '--create', '--conf', $conf)->{status}, 0, 'HOST/PAGE');
    like(run('show', 'a.one.example', '--conf', $conf)->{out}, qr/^name: +one\ncount: +7\n/, 'show a host, as text');
    fails(on_store('show', 'nobody.example'), 66, qr/no such counter/, 'show nobody');
    fails(on_store('show', "a\e[2J"), 65, qr/a\?\[2J: is neither/, 'show what is no name');
    fails(run('show', 'other.example', '--conf', $conf), 66, qr/no such counter/, "nobody's host");
    on_store('set', 'two.example', 500, '--create');
    is_deeply([map { $_->{name} } @{json_of(on_store('list', '--json', @$_[0, 1]), "list @$_[0, 1]")}], $_->[2],
        "list @$_[0, 1]")
        for ['--sort', 'name', [qw(one one/shop two.example)]],
        ['--sort', 'count', [qw(two.example one/shop one)]];
    like(on_store('list')->{out}, qr/^NAME +COUNT +TODAY +YESTERDAY +CHANGED\none +7 +3 +0 +20\d\d-/, 'list, as text');
    fails(run({out => '/dev/full'}, 'list', '--store', $store), 74, qr/standard output/, 'a full disk under list');
    is_deeply(json_of(on_store('reset', 'one/shop', '--json'), 'reset'), {name => 'one/shop', was => 70}, 'what it was');
    fails(on_store('reset', 'one/shop'), 66, qr/no such counter/, 'reset again');
    is_deeply(counters(), {one => 7, 'two.example' => 500}, 'it is gone');
    return;
}

sub import_files {
    my $data = "$dir/data";
    mkdir $data or die;
    my $file = "$dir/many";
    for my $n (1 .. 200) {
        write_file("$data/www.c$n.example", $n % 5 ? "$n:192.0.2.$n\$" : "$n\n", 1_700_000_000 + $n);
    }
    write_file("$data/.htaccess", 'Require all denied');
    my $many = "$dir/many";
    my $dry = run('import', '--store', $many, '--dry-run', $data);
    is($dry->{status}, 0, 'dry run');
    like($dry->{out}, qr/^www\.c7\.example 7 new: \Q$data\E\/www\.c7\.example$/m, 'says what it would do');
    like($dry->{out}, qr/dry run, nothing written: 200 new/, 'and that it was none');
    ok(!-e $many, 'and does nothing');
    my $r = run('import', '--store', $many, '--json', $data);
    my $report = json_of($r, '200 files');
    is(scalar(grep { $_->{result} eq 'new' } @{$report->{counters}}), 200, 'are imported');
    is_deeply(counters($many), {map { ("www.c$_.example" => $_) } 1 .. 200}, 'each with its number');
    is(decode_json(run('show', 'www.c9.example', '--json', '--store', $many)->{out})->{time}, 1_700_000_009,
        'changed when the file was');
    $r = run('import', '--store', $many, $data);
    like($r->{out}, qr/^0 new, 0 raised, 0 replaced, 200 same, 0 kept$/m, 'again: nothing to do');

    write_file("$data/www.c9.example", '8:192.0.2.1$');
    write_file("$data/www.c10.example", '11:192.0.2.1$');
    $r = run('import', '--store', $many, $data);
    like($r->{out}, qr/^www\.c9\.example 8 kept, it is higher \(9\)/m, 'what is higher is kept');
    like($r->{out}, qr/^0 new, 1 raised, 0 replaced, 198 same, 1 kept$/m, 'what is lower is raised');
    is_deeply([@{counters($many)}{qw(www.c9.example www.c10.example)}], [9, 11], 'so it is');
    $r = run('import', '--store', $many, '--force', "$data/www.c9.example");
    is(counters($many)->{'www.c9.example'}, 8, '--force lowers');

    my $hosts = "$dir/hosts";
    mkdir $hosts or die;
    write_file("$hosts/www.one.example", '50:192.0.2.1$');
    write_file("$hosts/one.example.dat", '60:192.0.2.1$');
    write_file("$hosts/www.two.example", '70:2001:db8::7$');
    $r = run('import', '--conf', $conf, $hosts);
    is($r->{status}, 0, 'by hosts') or diag $r->{err};
    like($r->{err}, qr{hosts/www\.one\.example: left out: \S+one\.example\.dat goes to the counter one too},
        'two domains of one customer: the higher one, and it says so');
    is_deeply(counters(), {one => 60, 'www.two.example' => 70, 'two.example' => 500}, "the customers' counters");
    $r = run('import', '--conf', $conf, '--name', 'x.one.example/shop', write_file("$dir/old.dat", "9\n"));
    is(counters()->{'one/shop'}, 9, '--name of a host') or diag $r->{err};
    return;
}

sub import_refuses {
    my $data = "$dir/bad";
    my $new = "$dir/refused";
    mkdir $data or die;
    write_file("$data/www.a.example", '5:192.0.2.1$');
    my @bad = (
        ['www.cut.example', '12:192.0', qr/no \$ behind/],
        ['www.empty.example', '', qr/is empty; a full disk/],
        ['www.escape.example', "12:\e[2J\$", qr/unusual byte \(0x1b at 4\)/],
        ['www.nul.example', "12\0", qr/unusual byte \(0x00 at 3\)/],
        ['www.long.example', '1' x 300, qr/too long/],
        ['www.words.example', 'hello', qr/does not begin with a number/],
        ["odd name", '5:192.0.2.1$', qr/no counter can have; say --name/],
        ['export.json', '{"format":"omakase-counter"', qr{:1: is not JSON}],
    );
    write_file("$data/$_->[0]", $_->[1]) for @bad;
    symlink '/etc/passwd', "$data/www.link.example" or die;
    POSIX::mkfifo("$data/www.fifo.example", 0600) or die;
    mkdir "$data/www.dir.example" or die;
    my $r = run('import', '--store', $new, $data);
    fails($r, 65, qr/nothing is imported; mend what is named above, or say --skip/, 'bad files');
    like($r->{err}, qr{\Q$data/$_->[0]\E.*$_->[2]}, "$_->[0]") for @bad,
        ['www.link.example', '', qr/symbolic link and is not followed/],
        ['www.fifo.example', '', qr/not a regular file/],
        ['www.dir.example', '', qr/directory inside this one/];
    unlike($r->{err}, qr/[^\n -~]/, 'no byte of theirs reaches the terminal');
    ok(!-e $new, 'nothing is written');
    $r = run('import', '--store', $new, '--skip', $data);
    is($r->{status}, 0, '--skip');
    is_deeply(counters($new), {'www.a.example' => 5}, 'takes the good one');
    fails(run('import', '--store', $new, "$dir/nowhere"), 65, qr/nowhere: No such file/, 'a file that is not there');
    fails(run('import', '--store', $new, "$data/www.link.example"), 65, qr/not followed/, 'a link by name');
    fails(run('import', '--conf', $conf, "$data/www.a.example"), 65, qr/not named after a host/, "nobody's file");
    fails(run('import', '--store', $new, '--name', 'x', "$dir/data"), 64, qr/for one data file/, '--name for many');
    fails(run('import', '--store', $new, '--name', 'a/b/c', "$data/www.a.example"), 65, qr/say --name/, 'a bad --name');
    fails(run({in => '5:192.0.2.1$'}, 'import', '--store', $new, '-'), 65, qr/standard input:1: is not JSON/, '- is an export');
    $r = run('import', '--store', $new, '--name', 'proxied', write_file("$dir/p", '5:unknown, 10.0.0.1$'));
    is($r->{status}, 0, 'a file with no address in it');
    like($r->{err}, qr/1 counters do not know their last visitor/, 'is imported without');

    SKIP: {
        my $small = own_directory("$dir/small");
        skip 'cannot mount here', 5 if $> || system('mount', '-t', 'tmpfs', '-o',
            "size=100k,mode=700,uid=$uid,gid=$gid", 'tmpfs', $small) != 0;
        run('set', '--create', 'www.c3.example', 1, '--store', "$small/counters");
        mkdir "$dir/data2" or die;
        write_file("$dir/data2/www.d$_.example", "$_\n") for 1 .. 300;
        write_file("$dir/data2/www.c3.example", "2\n");
        my $r = run('import', '--store', "$small/counters", "$dir/data2");
        fails($r, 74, qr/No space left.*nothing is imported/, 'a disk that fills');
        is_deeply(counters("$small/counters"), {'www.c3.example' => 1}, 'what was written is taken back');
        is($r->{out}, '', 'and was not reported');
        system 'umount', $small;
    }
    return;
}

sub round_trip {
    my $r = on_store('export');
    my $json = json_of($r, 'export');
    my @names = map { $_->{name} } @{$json->{counters}};
    is_deeply(\@names, [sort @names], 'sorted by name');
    is(scalar(() = $r->{out} =~ /^  \{"name"/mg), scalar @names, 'a line each');
    my $key = unpack 'H*', slurp("$store.key");
    unlike($r->{out}, qr/$key/, 'the key is not in it');
    unlike($r->{out}, qr/192\.0\.2|2001:db8/, 'and no address');

    my $copy = "$dir/copy";
    write_file("$copy.key", slurp("$store.key"));
    chown $uid, $gid, "$copy.key" if !$>;
    chmod 0600, "$copy.key";
    my $back = run({in => $r->{out}}, 'import', '--store', $copy, '-');
    is("$back->{status}$back->{err}", '0', 'import of the export, key copied');
    is(run('export', '--store', $copy)->{out}, $r->{out}, 'gives the same export');

    my $other = "$dir/other";
    my $file = write_file("$dir/export.json", $r->{out});
    $back = run('import', '--store', $other, $file);
    is($back->{status}, 0, 'without the key');
    like($back->{err}, qr/do not know their last visitor \(another key: copy STORE\.key/, 'it says what is lost');
    my $there = json_of(run('export', '--store', $other), 'what came');
    is_deeply([map { +{%$_, visitor => 0} } @{$there->{counters}}], [map { +{%$_, visitor => 0} } @{$json->{counters}}],
        'all but the visitors');
    is_deeply([grep { $_ ne '0' x 16 } map { $_->{visitor} } @{$there->{counters}}], [], 'who are unknown');
    fails(run('import', '--store', $other, write_file("$dir/v2.json", '{"format":"omakase-counter","version":2}')),
        65, qr/v2\.json: is of another version/, 'an export of a later version');
    fails(run('import', '--store', $other, write_file("$dir/neg.json",
        $r->{out} =~ s/"count": \d+/"count": -1/r)), 65, qr/neg\.json:one: "count" is out of range/, 'a negative count');
    return;
}

sub verify {
    my $file = "$dir/hurt";
    run('set', 'hurt.example', 321, '--create', '--store', $file);
    my $r = run('verify', '--store', $file);
    is($r->{status}, 0, 'a sound store');
    like($r->{out}, qr/^\Q$file\E: 69632 bytes, 1 counters of 240 places, 0 removed$/, 'and its size');
    my $bytes = slurp($file);
    my $record = int(index($bytes, 'hurt.example') / 256) * 256;
    my $flip = sub {
        substr($bytes, $_, 1) ^.= "\x10" for @_;
        open my $fh, '+<:raw', $file or die;
        print {$fh} $bytes;
        close $fh or die;
    };
    $flip->($record + 8);
    fails(run('verify', '--store', $file), 65, qr/damaged; `verify --repair`/, 'one copy damaged');
    my $json = json_of(run('verify', '--json', '--store', $file), 'verify');
    ok(!$json->{whole} && "@{$json->{findings}}" =~ /hurt\.example: one copy/, 'the counter is named');
    is(run('show', 'hurt.example', '--json', '--store', $file)->{status}, 0, 'and still reads');
    $r = run('verify', '--repair', '--store', $file);
    is($r->{status}, 0, '--repair');
    like($r->{out}, qr/mended from their twins: 1 records/, 'mends it');
    is(counters($file)->{'hurt.example'}, 321, 'the value stands');
    $bytes = slurp($file);
    $flip->($record + 8, $record + 136);
    fails(run('show', 'hurt.example', '--store', $file), 65, qr/both copies .* damaged/, 'both copies damaged');
    fails(run('set', 'hurt.example', 5, '--create', '--store', $file), 65, qr/run omakase-counter verify/, 'nor is it set');
    fails(run('export', '--store', $file), 65, qr/damaged/, 'no export leaves it out in silence');
    $r = run('verify', '--repair', '--store', $file);
    is($r->{status}, 65, '--repair tells that it lost one');
    like($r->{out}, qr/lost: 1 counters; `import` a backup/, 'and what to do');
    is(run('verify', '--store', $file)->{status}, 0, 'from then on it is sound');
    is(run('import', '--store', $file, '--name', 'hurt.example', write_file("$dir/b", "321\n"))->{status}, 0, 'import cures it');
    run('set', "shop/$_", 5, '--create', '--store', $file) for qw(a b);
    $bytes = slurp($file);
    $record = int(index($bytes, "shop/\0") / 256) * 256;
    $flip->($record + 8, $record + 136);
    $r = run('verify', '--repair', '--store', $file);
    like($r->{out}, qr{^shop/: counted as 0 counters, has 2$}m, "a customer's number of counters was lost");
    like($r->{out}, qr/^counted again: the counters of 1 customers/m, 'and is counted again');
    is(json_of(run('verify', '--json', '--store', $file), 'verify')->{recounted}, 0, 'it stands');
    $r = json_of(run('compact', '--json', '--store', $file), 'compact');
    is($r->{bytes}, 69632, 'compacted');
    is(counters($file)->{'hurt.example'}, 321, 'and whole');
    return;
}

sub owners {
    my @odd = grep { (stat)[4] != $uid || ((stat)[2] & 07777) != 0600 } grep {-e} map { ("$dir/$_", "$dir/$_.key") }
        qw(counters many copy other hurt);
    is("@odd", '', "stores and keys are httpd's user's alone, whoever ran the program");
    is_deeply([glob "$dir/*.compact* $dir/counters.?*[!y]"], [], 'no temporary stays');
    SKIP: {
        skip 'not root', 8 if $>;
        my $mine = $i->root . '/mine';
        mkdir $mine, 0755 or die;
        fails(run('set', 'a', 1, '--create', '--store', "$mine/counters"), 77, qr/directory is root's.*chown/,
            'no store that httpd could not open');
        write_file("$dir/roots", slurp($store));
        fails(run('list', '--store', "$dir/roots"), 77, qr/is root's in another user's directory/, "root's in httpd's");
        unlink "$dir/roots";
        my @as = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups');
        chmod 0711, $dir;
        my $out = qx{@as $tool list --store $store 2>&1};
        is($? >> 8, 77, 'somebody else may not');
        like($out, qr/Permission denied \(this is for root and for the store's owner\)/, 'and reads why');
        chmod 0700, $dir;
    }
    return;
}

sub tag {
    my @designs = ('--designs', $i->layout('share') . '/designs');
    my @c = ('tag', '--conf', $conf);
    is(run(@c, qw(--df www.one.example --md 7 --dd A --st 1024))->{out},
        qq{<img src="/cgi-bin/Count.cgi?df=www.one.example|md=7|dd=A|st=1024" width="105" height="20" alt="access counter">\n},
        "P50: the manual's tag");
    for ([[qw(--display clock)], 84, 20, '時刻'], [[qw(--display date)], 142, 20, '日付'],
        [[qw(--df one.example --md 5 --dd D)], 45, 13, 'アクセスカウンタ'],
        [[qw(--df one.example --md 5 --dd D --set scale=2)], 45, 13, 'アクセスカウンタ'],
        [[qw(--df one.example --set sh=F)], 1, 1, 'アクセスカウンタ'],
        [[qw(--df one.example --md 5 --set ft=5)], 85, 30, 'アクセスカウンタ']) {
        my $t = json_of(run(@c, '--json', '--lang', 'ja', @{$_->[0]}), "tag @{$_->[0]}");
        is_deeply([@$t{qw(width height alt)}], [@$_[1 .. 3]], 'its size and text');
    }
    my $r = run(@c, '--df', 'one.example', '--set', 'frgb=#ff0000', '--set', 'ft=1', '--alt', q{"><b>&},
        '--url', 'https://www.one.example/Count.cgi');
    is($r->{out}, q{<img src="https://www.one.example/Count.cgi?df=one.example|frgb=%23ff0000|ft=1" width="92" }
        . qq{height="22" alt="&quot;&gt;&lt;b&gt;&amp;">\n}, 'escaped');
    fails(run(@c, qw(--df One.example/shop --md 9)), 65, qr/md: must be 3 to 8/, "a page's, in any case");
    fails(run(@c, qw(--df one.example --md 9)), 65, qr/md: must be 3 to 8/, "the site's own digits");
    fails(run(@c, qw(--df one.example --dd Z)), 66, qr/dd: no such design in/, 'no such design');
    fails(run(@c), 65, qr/df: is required/, 'no df');
    fails(run(@c, qw(--df one.example --set md)), 65, qr/md: is not KEY=VALUE/, 'half a setting');
    fails(run(@c, qw(--df one.example --set format=json)), 65, qr/format: /, 'what is no image');
    fails(run(@c, qw(--df one.example --url), 'javascript:x'), 65, qr/url: must be/, 'another URL');
    $r = run(@c, qw(--df nobody.example));
    is($r->{status}, 0, "a domain that is not served");
    like($r->{err}, qr/nobody\.example: .*will refuse this tag/, 'is warned of');
    my $alone = run('tag', @designs, qw(--df www.one.example));
    is($alone->{status}, 0, 'without any configuration') or diag $alone->{err};
    return;
}

sub completion {
    my $file = $i->layout('share') =~ s{/[^/]+\z}{}r . '/bash-completion/completions/omakase-counter';
    ok(-r $file, 'installed');
    my $complete = sub {
        my @words = @_;
        my $line = join ' ', map {"'$_'"} @words;
        my $n = $#words;
        local $ENV{PATH} = "$i->{layout}{sbin}:$ENV{PATH}";
        my $script = qq{. '$file'; COMP_WORDS=($line); COMP_CWORD=$n; _omakase_counter; printf '%s\\n' "\${COMPREPLY[@]}"};
        open my $fh, '-|', 'bash', '-c', $script or die;
        return [map { chomp; $_ } <$fh>];
    };
    is_deeply($complete->('omakase-counter', 'ex'), ['export'], 'a command');
    is_deeply($complete->('omakase-counter', 'verify', '--r'), ['--repair'], 'an option');
    is_deeply($complete->('omakase-counter', 'list', '--sort', ''), [qw(name count time)], 'a value');
    return;
}

sub hit {
    my ($host, $from, $query) = @_;
    my $r = get($i, "www.$host", "/cgi-bin/Count.cgi?df=www.$host|format=json|$query",
        Referer => "http://www.$host/", from => $from);
    return $r->{status} == 200 ? decode_json($r->{content}) : {count => "HTTP $r->{status} $r->{content}"};
}

sub live {
    my $live = $i->root . '/var/counter/counters';
    my $data = write_file("$dir/example.localhost", '5000:127.0.0.9$');
    my $r = run('import', '--store', $live, '--name', 'ab-cdftp', $data);
    is($r->{status}, 0, 'import before httpd has started') or diag $r->{err};
    $i->start;
    my $name = (keys %{counters($live)})[0];
    is(hit('example.localhost', '127.0.0.9', 'st=1')->{count}, 5000, "P54: the last visitor's reload after the move");
    is(hit('example.localhost', '127.0.0.8', 'st=1')->{count}, 5001, 'another counts on');
    is(run('set', $name, 77, '--store', $live)->{status}, 0, 'set under httpd');
    is(hit('example.localhost', '127.0.0.7', 'st=1')->{count}, 78, 'holds at once');
    is(run('reset', $name, '--store', $live)->{status}, 0, 'reset under httpd');
    is(hit('example.localhost', '127.0.0.7', 'st=40')->{count}, 40, 'starts at st');
    is(decode_json(run('show', $name, '--json', '--store', $live)->{out})->{today}, 1, 'show');

    my @pids;
    my $until = "$dir/stop";
    for my $n (1 .. 4) {
        pipe my $read, my $write or die;
        my $pid = fork // die;
        if (!$pid) {
            close $read;
            my ($counted, $turn) = (0, 0);
            while (!-e $until || $turn < 50) {
                my $h = hit('example.localhost', "127.1.$n." . (1 + $turn++ % 250), 'st=1');
                $counted += !!($h->{counted} // 0);
                last if $h->{count} !~ /^\d+$/ && print {$write} "$h->{count}\n";
            }
            print {$write} "$counted\n";
            close $write;
            POSIX::_exit(0);
        }
        close $write;
        push @pids, [$pid, $read];
    }
    my @bad = grep { $_->{status} } map { run('compact', '--store', $live) } 1 .. 20;
    is(scalar @bad, 0, '20 compactions under load') or diag $bad[0]{err};
    write_file($until, '');
    my $counted = 0;
    for (@pids) {
        my ($pid, $read) = @$_;
        chomp(my @lines = <$read>);
        waitpid $pid, 0;
        like($lines[0], qr/^\d+$/, 'a client was answered throughout');
        $counted += $lines[-1];
    }
    my $now = counters($live);
    cmp_ok($counted, '>=', 100, "$counted counted");
    is($now->{$name}, 40 + $counted, 'not one is lost or doubled');
    is(run('verify', '--store', $live)->{status}, 0, 'and the store is sound');
    my @st = stat $live;
    is($st[4], $uid, "and httpd's");
    is(run('export', '--store', $live)->{status}, 0, 'export under httpd');
    ok($i->stop, 'stop');
    is(join('', $i->httpd->unexpected), '', 'nothing unexpected in the error logs');
    return;
}
