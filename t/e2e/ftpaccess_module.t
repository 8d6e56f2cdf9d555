#!/usr/bin/perl
# mod_ftpaccess in a real ProFTPD: what a customer's FTP client is told, what is
# stored under which name, who is let in afterwards. P25, P26, P27, P28, P29,
# P30, P31, P32, P33, P34, P35.
use v5.30;
use warnings;
use File::Path qw(remove_tree);
use Test::More;
use Omakase::Ftpd;
use Omakase::Instance;

if (my $why = Omakase::Ftpd->missing) { plan skip_all => $why }
my $stage = Omakase::Instance->new(daemons => []);
my $program = $stage->layout('bin') . '/ftpaccess';
my $module = $stage->layout('proftpd_modules') . '/mod_ftpaccess.so';
plan skip_all => 'mod_ftpaccess is not built' if !-e $module;

my ($office, $elsewhere, $nameless) = ('127.0.0.2', '127.0.0.3', '127.0.0.4');
my %host = ($office => 'pc2.tokyo.isp.example.jp', $elsewhere => 'pc3.osaka.isp.example.net');
my @modules = ($module, grep {-e} '/usr/lib/proftpd/mod_copy.so');
my $d;

my $hidden;
for my $how ('off', 'on') {
    $hidden = $how;
    subtest "HiddenStores $hidden" => sub { with_server("FtpAccessEngine on\nHiddenStores $hidden\n", \&everything) };
}
subtest 'both languages' => sub { with_server("FtpAccessEngine on\nFtpAccessLanguage both\n", \&languages) };
subtest 'ProFTPD decides first' => sub {
    with_server("FtpAccessEngine on\nPathDenyFilter \\.ftpaccess\$\n", \&filtered);
    with_server("FtpAccessEngine on\n", \&guarded);
    with_server("FtpAccessEngine on\n<Limit DELE>\nDenyAll\n</Limit>\n", \&limited);
    with_server("FtpAccessEngine on\nAllowOverwrite off\n", \&no_overwrite);
};
subtest 'loaded, not turned on' => sub { with_server('', \&off) };
subtest 'turned on, and AllowOverride off' => sub { with_server("FtpAccessEngine on\nAllowOverride off\n", \&off) };
subtest 'directives' => \&directives;
done_testing;

sub with_server {
    my ($config, $test) = @_;
    my ($off, $deaf) = map { $config =~ s/^$_ off\n//m } 'AllowOverwrite', 'AllowOverride';
    $d = Omakase::Ftpd->new(hosts => \%host, modules => \@modules, config => $config, no_overwrite => $off, no_override => $deaf,
        users => {u1 => '/home/u1', u2 => '/'});
    $d->make_dir($_) for qw(/ /web /web/sub /home /home/u1 /log);
    $d->put("$_/page.html", 'old') for qw(/web /web/sub /home/u1), '';
    $d->start;
    $test->();
    $d->stop;
    is(join('', grep {!/ProFTPD \S+ \(|session (?:opened|closed)|mod_ftpaccess\/|USER|Preparing|FTP /} log_lines()), '', 'nothing else in the log')
        if $ENV{OMAKASE_STRICT_LOG};
    return;
}

sub log_lines {
    open my $fh, '<', $d->log or return;
    return <$fh>;
}

sub rules { return "<Limit ALL>\n    Order Allow,Deny\n" . join('', map {"    Allow from $_\n"} @_) . "    Deny from all\n</Limit>\n" }

sub try_put {
    my ($c, $name, $text) = @_;
    return $c->put($name, $text);
}

sub codes {
    my ($c, @lines) = @_;
    return join ' ', map { ($c->command($_))[0] } @lines;
}

sub list {
    my ($c, $dir) = @_;
    $c->pasv;
    return ($c->transfer("LIST $dir"))[0];
}

sub retr {
    my ($c, $name) = @_;
    $c->pasv;
    return ($c->transfer("RETR $name"))[0];
}

sub names {
    my ($dir) = @_;
    opendir my $dh, $d->tree . $dir or die "$dir: $!";
    return join ' ', sort grep { !/^\.\.?\z/ } readdir $dh;
}

sub clean {
    my ($dir) = @_;
    opendir my $dh, $d->tree . $dir or die "$dir: $!";
    unlink map { $d->tree . "$dir/$_" } grep {/ftp/i} readdir $dh;
    return;
}

# --- the engine on --------------------------------------------------------------

sub everything {
    subtest 'the manual\'s way, a wrong address' => \&manual;
    subtest 'right rules' => \&right;
    subtest 'misspelt names' => \&misspelt;
    subtest 'encodings' => \&encodings;
    subtest 'other ways in' => \&other_ways;
    subtest 'at the top' => \&top;
    subtest 'links' => \&links;
    subtest 'rules inherited' => \&inherited;
    return;
}

sub manual {
    my $c = $d->client($office);
    is((try_put($c, '/web/ftppass.txt', rules('203.0.113.5')))[0], 226, 'ftppass.txt is an ordinary upload');
    is(codes($c, 'RNFR /web/ftppass.txt'), 350, 'RNFR');
    my ($code, @text) = $c->command('RNTO /web/.ftppass');
    is($code, 550, 'renaming is refused');
    like("@text", qr/lock you out/, 'why');
    like("@text", qr/line 4 of \/web\/\.ftpaccess: Deny/, 'by which line');
    like("@text", qr/\Q$office\E $host{$office}/, 'for whom');
    like($text[-1], qr/SITE FTPACCESS ALLOW/, 'the way around');
    is(names('/web'), 'ftppass.txt page.html sub', 'nothing is changed');
    is(list($c, '/web'), 226, 'and the client is still in');

    is(codes($c, 'SITE FTPACCESS', 'SITE FTPACCESS ALLOW', 'RNFR /web/ftppass.txt'), '501 200 350', 'override');
    ($code, @text) = $c->command('RNTO /web/.ftppass');
    is($code, 250, 'the renaming is done');
    like("@text", qr/\.ftppass is stored under its right name, \.ftpaccess/, 'under the right name');
    is(names('/web'), '.ftpaccess page.html sub', 'there it is');
    is(list($c, '/web'), 550, 'locked out at once');
    $c->quit;

    $c = $d->client($office);
    pass('the login itself works');
    is(list($c, '/web'), 550, 'listing');
    is(retr($c, '/web/page.html'), 550, 'GET');
    is((try_put($c, '/web/new.html', 'x'))[0], 550, 'PUT');
    is((try_put($c, '/web/.ftpaccess', rules('all')))[0], 550, 'no better file');
    is(codes($c, 'DELE /web/.ftpaccess', 'RNFR /web/.ftpaccess', 'CWD /web/sub', 'SITE CHMOD 600 /web/.ftpaccess', 'RMD /web/sub'),
        '550 550 550 550 550', 'no way back by FTP');
    is(codes($c, 'SITE FTPACCESS ALLOW', 'DELE /web/.ftpaccess'), '200 550', 'the override overrides no rule');
    is(list($c, '/home'), 226, 'elsewhere all is well');

    my $audit = $d->dir . '/audit';
    my $out = qx{$program disable --audit $audit --who tanaka --why 'mail of today' '@{[$d->tree]}/web'};
    is($?, 0, 'the operator disables it');
    like($out, qr/\.ftpaccess -> \.ftpaccess\.disabled/, 'says so');
    open my $fh, '<', $audit or die $!;
    like(<$fh>, qr{^\S+Z OMK0515 uid=0 disabled \S+/tree/web/\.ftpaccess to \.ftpaccess\.disabled by "tanaka": mail of today$}, 'audit line');
    is(list($c, '/web'), 226, 'in again, the same session');
    is($d->get('/web/.ftpaccess.disabled'), rules('203.0.113.5'), 'the text is kept');
    $c->quit;
    clean('/web');
    return;
}

sub right {
    my $c = $d->client($office);
    for my $who ('.jp', '.tokyo.isp.example.jp', $office, '127.0.0.2/32', '127.0.0.') {
        is((try_put($c, '/web/.ftpaccess', rules($who)))[0], 226, "Allow from $who is stored");
        is(list($c, '/web'), 226, 'allowed');
        next if $who eq '127.0.0.';
        my $other = $d->client($elsewhere);
        is(list($other, '/web'), 550, 'another client is not');
        is((try_put($other, '/web/page.html', 'new'))[0], 550, 'nor may it write');
        is($d->get('/web/page.html'), 'old', 'the page is as it was');
        $other->quit;
    }
    my ($code) = try_put($c, '/web/.ftpaccess', rules('.net'));
    is($code, 550, 'a worse file is refused');
    is($d->get('/web/.ftpaccess'), rules('127.0.0.'), 'the old one stays in force');
    is(names('/web'), '.ftpaccess page.html sub', 'no leftover');
    is((try_put($c, '/web/.ftpaccess', "<Limit READ>\nDenyAll\n</Limit>\n"))[0], 226, 'only reading forbidden: can be undone');
    is(retr($c, '/web/page.html'), 550, 'as it says');
    is(codes($c, 'DELE /web/.ftpaccess'), 250, 'undone');
    is((try_put($c, '/web/.ftpaccess', "<Limit WRITE>\nDenyAll\n</Limit>\n"))[0], 550, 'what could not be undone is refused');
    $c->quit;
    clean('/web');
    return;
}

sub misspelt {
    my $c = $d->client($office);
    for my $name ('.ftpassess', '.ftppass', '.FTPACCESS', '.ftpaccess ', '.ftpaccess.txt') {
        my ($code, @text) = try_put($c, "/web/$name", rules('.jp'));
        is($code, 226, "$name");
        like("@text", qr/right name, \.ftpaccess/, 'the reply says so');
        is(names('/web'), '.ftpaccess page.html sub', 'stored as .ftpaccess');
        is(codes($c, 'DELE /web/.ftpaccess'), 250, 'and away');
    }
    is((try_put($c, '/web/.ftppass', rules('.net')))[0], 550, 'also under a wrong name nobody locks himself out');
    is((try_put($c, '/web/.ftpaccess', rules('.jp')))[0], 226, 'a right one');
    is(codes($c, 'RNFR /web/.ftpaccess', 'RNTO /web/.ftppass'), '350 250', 'a .ftpaccess may be renamed away');
    is(names('/web'), '.ftppass page.html sub', 'to that very name');
    is((try_put($c, '/web/ftpaccess.txt', 'x'))[0], 226, 'ftpaccess.txt is an ordinary name');
    $c->quit;
    clean('/web');
    return;
}

sub encodings {
    my $c = $d->client($office);
    is((try_put($c, '/web/.ftpaccess', rules('.jp')))[0], 226, 'plain');
    my %broken = (
        'UTF-8 with BOM' => "\xef\xbb\xbf" . rules('.jp'),
        'UTF-16' => "\xff\xfe" . rules('.jp') =~ s/(.)/$1\0/sgr,
        'full-width blank' => rules('.jp') =~ s/Allow from/Allow\xe3\x80\x80from/r,
        'full-width blank in Shift_JIS' => rules('.jp') =~ s/Allow from/Allow\x81\x40from/r,
    );
    for my $name (sort keys %broken) {
        my ($code, @text) = try_put($c, '/web/.ftpaccess', $broken{$name});
        is($code, 550, "$name is refused");
        like("@text", qr/could not read it.*Line \d+, column \d+/, 'with line and column');
        is($d->get('/web/.ftpaccess'), rules('.jp'), 'the old file stays');
    }
    is(codes($c, 'SITE FTPACCESS ALLOW'), 200, 'override');
    is((try_put($c, '/web/.ftpaccess', $broken{'UTF-16'}))[0], 550, 'is not for that');
    is((try_put($c, '/web/.ftpaccess', "# \xe8\x87\xaa\xe5\xae\x85\r\n" . rules('.jp') =~ s/\n/\r\n/gr))[0], 226,
        'comments in Japanese and CRLF are fine');
    $c->quit;
    clean('/web');
    return;
}

sub other_ways {
    my $c = $d->client($office);
    is((try_put($c, '/web/.ftpaccess', "<Limit ALL>\nAllow from .jp\n")) [0], 226, 'a beginning');
    $c->pasv;
    my ($code, undef, @text) = $c->transfer('APPE /web/.ftpaccess', "Deny from all\nOrder Deny,Allow\n</Limit>\n");
    is($code, 550, 'APPE that locks out is refused');
    like("@text", qr/lock you out/, 'why');
    is($d->get('/web/.ftpaccess'), "<Limit ALL>\nAllow from .jp\n", 'nothing is appended');
    $c->pasv;
    is(($c->transfer('APPE /web/.ftpaccess', "Deny from all\n</Limit>\n"))[0], 226, 'APPE of what is right');
    is($d->get('/web/.ftpaccess'), "<Limit ALL>\nAllow from .jp\nDeny from all\n</Limit>\n", 'is appended');
    is(codes($c, 'DELE /web/.ftpaccess'), 250, 'away');
  SKIP: {
        skip 'no mod_copy', 5 if @modules < 2;
        is((try_put($c, '/web/ftppass.txt', rules('.net')))[0], 226, 'a text');
        is(codes($c, 'SITE CPFR /web/ftppass.txt'), 350, 'CPFR');
        ($code, @text) = $c->command('SITE CPTO /web/.ftppass');
        is($code, 550, 'SITE CPTO that locks out is refused');
        like("@text", qr/lock you out/, 'why');
        is(names('/web'), 'ftppass.txt page.html sub', 'nothing there');
        try_put($c, '/web/ftppass.txt', rules('.jp'));
        is(codes($c, 'SITE CPFR /web/ftppass.txt', 'SITE CPTO /web/.ftppass'), '350 250', 'SITE CPTO of what is right');
        is(names('/web'), '.ftpaccess ftppass.txt page.html sub', 'under the right name');
    }
    is((try_put($c, '/web/.ftpaccess', 'x' x 300_000))[0] , 550, 'too long');
    is((try_put($c, '/web/sub/.ftpaccess', rules('.jp')))[0], 226, 'a good one');
    chmod 0444, $d->tree . '/web/sub/.ftpaccess';
    is((try_put($c, '/web/sub/.ftpaccess', rules('all')))[0], $hidden eq 'on' ? 226 : 550, 'its mode protects it as without us');
    chown 0, 0, $d->tree . '/web/sub/.ftpaccess';
    $c->pasv;
    is(($c->transfer('APPE /web/sub/.ftpaccess', "# x\n"))[0], 550, 'and its owner');
    unlink $d->tree . '/web/sub/.ftpaccess';
    $c->quit;
    clean('/web');
    return;
}

sub top {
    my $c = $d->client($office);
    is((try_put($c, '/.ftpaccess', rules('.jp')))[0], 226, 'in /');
    my $other = $d->client($elsewhere);
    is(codes($other, 'DELE /.ftpaccess', 'DELE /page.html', 'RNFR /page.html', 'MKD /new', 'SITE CHMOD 600 /page.html', 'CWD /',
        'SIZE /page.html'), '550 550 550 550 550 550 550', 'it covers / and itself');
    is((try_put($other, '/new.html', 'x'))[0], 550, 'PUT');
    is((try_put($other, '/.ftpaccess', 'x'))[0], 550, 'PUT over it');
    is(retr($other, '/page.html'), 550, 'GET');
    is(list($other, '/'), 550, 'listing');
    is(list($other, '/home/u1'), 550, 'the login directory');
    is(list($other, ''), 550, 'and without a name');
    is(retr($other, '/web/sub/page.html'), 550, 'everything below');
    is(list($c, '/'), 226, 'who may, may');
    is(codes($c, 'DELE /.ftpaccess'), 250, 'and takes it away');
    is(list($other, '/'), 226, 'which counts at once');
    $_->quit for $c, $other;
    return;
}

sub links {
    my $c = $d->client($office);
    is((try_put($c, '/web/.ftpaccess', rules('.jp')))[0], 226, 'rules');
    symlink '/web/sub', $d->tree . '/door' or die $!;
    symlink 'sub', $d->tree . '/web/inner' or die $!;
    my $other = $d->client($elsewhere);
    is(list($other, '/door'), 550, 'listing through a link');
    is(retr($other, '/door/page.html'), 550, 'GET through a link');
    is((try_put($other, '/door/new.html', 'x'))[0], 550, 'PUT through a link');
    is(codes($other, 'DELE /door/page.html', 'RNFR /door/page.html', 'CWD /door', 'MKD /door/x'), '550 550 550 550', 'and others');
    is(codes($other, 'DELE /door'), 250, 'the link itself is where it is');
    unlink $d->tree . '/web/inner';
    $_->quit for $c, $other;
    clean('/web');
    return;
}

# What ProFTPD alone forgets: see ftpaccess explain --stock.
sub inherited {
    my $c = $d->client($office);
    $d->put('/.ftpaccess', rules('.jp'));
    $d->put('/web/sub/.ftpaccess', "<Limit DELE>\nAllowAll\n</Limit>\n");
    my $other = $d->client($elsewhere);
    is(codes($other, 'DELE /web/sub/page.html'), 250, 'a deeper file decides first');
    $d->put('/web/sub/page.html', 'old');
    is(retr($other, '/web/sub/page.html'), 550, 'of what it does not speak, the upper one');
    is(retr($other, '/web/page.html'), 550, 'after other commands too');
    is(codes($other, 'DELE /page.html'), 550, 'also in /');
    $_->quit for $c, $other;
    unlink map { $d->tree . $_ } '/.ftpaccess', '/web/sub/.ftpaccess';
    return;
}

# --- other configurations ----------------------------------------------------------

sub languages {
    my $c = $d->client($nameless);
    my ($code, @text) = try_put($c, '/web/.ftpaccess', rules('.jp'));
    is($code, 550, 'refused');
    like("@text", qr/lock you out.*\xe8\xa1\x8c\xe7\x9b\xae/s, 'in English and Japanese');
    like("@text", qr/\Q($nameless)\E/, 'a client without a name');
    $c->quit;
    return;
}

sub filtered {
    my $c = $d->client($office);
    is((try_put($c, "/web/$_", rules('.jp')))[0], 550, "$_: a PathDenyFilter for .ftpaccess holds") for '.ftpaccess', '.ftppass';
    is(names('/web'), 'page.html sub', 'nothing is stored');
    $c->quit;
    return;
}

# What lies in etc and lib of a chroot ProFTPD guards.
sub guarded {
    my $c = $d->client($office);
    $d->make_dir('/etc');
    $d->make_dir('/lib');
    $d->put('/etc/passwd', 'old');
    is((try_put($c, $_, rules('.jp')))[0], 550, $_) for '/etc/passwd', '/etc/.ftpaccess', '/lib/.ftppass', '/lib/x';
    is(codes($c, 'RNFR /web/page.html', 'RNTO /etc/x', 'RNFR /web/page.html', 'RNTO /lib/.ftpaccess'), '350 550 350 550', 'renames');
    is($d->get('/etc/passwd'), 'old', 'nothing is changed');
    is(names('/lib'), '', 'nothing is there');
    $c->quit;
    return;
}

sub limited {
    my $c = $d->client($office);
    $d->put('/web/.ftpaccess', rules('.jp'));
    is(codes($c, 'DELE /home/u1/page.html'), 550, "the server's own <Limit> holds");
    is(retr($c, '/web/page.html'), 226, 'and nothing else does');
    $c->quit;
    return;
}

sub no_overwrite {
    my $c = $d->client($office);
    is((try_put($c, '/web/.ftpaccess', rules('.jp')))[0], 226, 'new');
    is((try_put($c, '/web/.ftppass', rules('.jp')))[0], 550, 'AllowOverwrite off holds');
    $c->quit;
    return;
}

sub off {
    my $c = $d->client($office);
    is((try_put($c, '/web/.ftppass', rules('.net')))[0], 226, 'stored');
    is(names('/web'), '.ftppass page.html sub', 'as named');
    is((try_put($c, '/web/sub/.ftpaccess', rules('.net')))[0], 226, 'a lock-out is stored');
    is(codes($c, 'SITE FTPACCESS ALLOW'), 500, 'no such command');
    $c->quit;
    return;
}

sub directives {
    my $dir = File::Temp->newdir;
    for my $case (['FtpAccessEngine maybe', 'on or off'], ['FtpAccessLanguage fr', 'en, ja or both']) {
        Omakase::Ftpd::spew("$dir/c", "ModulePath @{[$stage->layout('proftpd_modules')]}\nLoadModule mod_ftpaccess.c\n$case->[0]\n");
        my $out = qx{/usr/sbin/proftpd -t -c $dir/c 2>&1};
        isnt($?, 0, $case->[0]);
        like($out, qr/\Q$case->[1]\E/, 'what is expected');
    }
    return;
}
