#!/usr/bin/perl
# The settings sheet and the mailboxes' file, by the commands that an operator
# types, and the sheet as it comes out of a printer.
use v5.30;
use warnings;
use utf8;
use Cwd ();
use File::Temp ();
use Omakase::Browser;
use Test::More;

binmode $_, ':utf8' for Test::More->builder->output, Test::More->builder->failure_output;
my $build = $ENV{OMAKASE_BUILDDIR} // die "OMAKASE_BUILDDIR: the build directory\n";
my $src = Cwd::abs_path($ENV{OMAKASE_SRCDIR} // '..');
my $root = File::Temp->newdir('omakase-sheet-XXXXXX', TMPDIR => 1);
my $customers = "$root/etc/omakase/customers.d";
mkdir "$root/$_" or die "$root/$_: $!\n" for qw(etc etc/omakase etc/omakase/customers.d);
my $node = <<"END";
host = "vds1.example.net"
httpd { listen = {"127.0.0.1:8080"} }
paths { share = "$src/share" phpmyadmin = "/usr/share/phpmyadmin" }
END
spew("$root/etc/omakase/omakase.conf", "${node}ftp { listen = {} }\n");

is(omakase(qw(customer add ab-cdftp --domain), 'example.co.jp')->{code}, 0, 'a customer');

subtest 'P82: the sheet lists what the customer needs' => sub {
    for my $lang (qw(ja en)) {
        my $s = omakase(qw(sheet ab-cdftp --lang), $lang);
        is("$s->{code} $s->{err}", '0 ', $lang);
        like($s->{out}, qr/\Q$_\E/, "$lang: $_") for (
            'ab-cdftp', 'http://www.example.co.jp:8080/', '20 GB', map({"abcdftp0$_"} 1 .. 6),
            'http://www.example.co.jp:8080/phpMyAdmin/', 'http://vds1.example.net:8080/phpMyAdmin/',
            'http://127.0.0.1:8080/phpMyAdmin/', '/usr/bin/perl', '/usr/sbin/sendmail',
            '/cgi-bin/Count.cgi?df=www.example.co.jp|md=7|dd=A|st=1');
        unlike($s->{out}, qr/pop3|FTP/, "$lang: nothing of what does not run");
    }
    like(omakase(qw(sheet ab-cdftp))->{out}, qr/ログイン名/, 'Japanese, where nothing is said');
    return;
};

subtest 'P12: FTP, where it runs' => sub {
    plan skip_all => 'not root: there is no FTP' if $>;
    plan skip_all => 'needs ProFTPD' if !-x '/usr/sbin/proftpd';
    spew("$root/etc/omakase/omakase.conf", qq(${node}ftp { listen = {"0.0.0.0:2121"} }\n));
    my $s = omakase(qw(sheet ab-cdftp --lang en));
    like($s->{out}, qr/\Q$_\E/, $_) for 'www.example.co.jp', '2121', '../../web', '/web';
    spew("$root/etc/omakase/omakase.conf", "${node}ftp { listen = {} }\n");
};

subtest 'a wrong command line' => sub {
    my @cases = (
        [67, qr/no such customer/, qw(sheet absent)],
        [77, qr/root/, qw(sheet root)],
        [65, qr/no login/, 'sheet', '../ab-cdftp'],
        [67, qr/there are no texts in 'xx'/, qw(sheet ab-cdftp --lang xx)],
        [67, qr/is no language/, qw(sheet ab-cdftp --lang ../../x)],
        [64, qr/text or html/, qw(sheet ab-cdftp --format pdf)],
        [67, qr/no such mailbox/, qw(sheet ab-cdftp --mailbox info)],
        [64, qr/usage: omakase mail change/, qw(mail change ab-cdftp info)],
        [65, qr/expected quota=SIZE/, qw(mail add ab-cdftp info size=1M)],
        [65, qr/each once/, qw(mail add ab-cdftp info quota=1M quota=2M)],
        [65, qr/one word/, qw(mail add ab-cdftp info), "quota=1M\nroot"],
        [67, qr/no mailbox info/, qw(mail change ab-cdftp info quota=1M)],
        [67, qr/no such customer/, qw(mail add absent info)],
        [65, qr/no mailbox name/, qw(mail add ab-cdftp ../x)],
        [65, qr/no mailbox name/, qw(mail add ab-cdftp), "a\nroot"],
    );
    for my $case (@cases) {
        my ($code, $says, @args) = @$case;
        my $r = omakase(@args);
        is("$r->{code} $r->{out}", "$code ", "@args");
        like($r->{err}, $says, "@args: says why");
    }
    ok(!-e "$customers/ab-cdftp.mail", 'nothing is written');
    return;
};

subtest 'P66: mailboxes are added, changed and removed, comments stay' => sub {
    my $file = "$customers/ab-cdftp.mail";
    is(omakase(qw(mail add ab-cdftp Info))->{code}, 0, 'the first');
    is(slurp($file), "info\n", 'makes the file');
    spew($file, "# 店\ninfo  # 山田\n");
    is(omakase(qw(mail add ab-cdftp orders quota=200M forward=a@example.com --dry-run))->{code}, 0, 'dry run');
    is(slurp($file), "# 店\ninfo  # 山田\n", 'writes nothing');
    is(omakase(qw(mail add ab-cdftp orders quota=200M forward=a@example.com))->{code}, 0, 'a second');
    is(omakase(qw(mail change ab-cdftp info quota=80M))->{code}, 0, 'a change');
    is(slurp($file), "# 店\ninfo quota=80M  # 山田\norders quota=200M forward=a\@example.com\n", 'in its line');
    is(omakase(qw(mail list ab-cdftp))->{out} =~ s/ +/ /gr,
        "info\@example.co.jp 80M\norders\@example.co.jp 200M -> a\@example.com\n", 'list');
    like(omakase(qw(--json mail list ab-cdftp))->{out}, qr/"address": "orders\@example\.co\.jp"/, 'as JSON');
    is(omakase(qw(mail remove ab-cdftp orders))->{code}, 0, 'one goes');
    is(slurp($file), "# 店\ninfo quota=80M  # 山田\n", 'and its line');
    spew($file, "info\nINFO\n");
    my $r = omakase(qw(mail add ab-cdftp other));
    is($r->{code}, 65, 'a wrong file is not edited');
    like($r->{err}, qr{ab-cdftp\.mail:2: mailbox info stands there twice}, 'and named with its line');
    is(slurp($file), "info\nINFO\n", 'it stays');
    unlink $file;
    return;
};

subtest 'on paper' => sub {
    my $browser = Omakase::Browser->find or plan skip_all => 'no Chromium';
    my $page = omakase(qw(sheet ab-cdftp --format html))->{out};
    like($page, qr{<dd><code>ab-cdftp</code></dd>}, 'a page');
    spew("$root/now.html", $page);
    cmp_ok($browser->print_pdf("file://$root/now.html", "$root/now.pdf"), '<=', 2, 'this one: two pages of A4 at most');
    # Every service, from the unit test.
    for my $lang (qw(ja en)) {
        my $pages = $browser->print_pdf("file://$src/t/golden/sheet-$lang.html", "$root/$lang.pdf");
        is($pages, 2, "$lang, with every service: two pages");
        like(slurp_raw("$root/$lang.pdf"), qr{/MediaBox \[0 0 59\d(?:\.\d+)? 84\d(?:\.\d+)?\]}, "$lang: of A4");
    }
    return;
};
done_testing;

sub omakase {
    my (@args) = @_;
    my ($out, $err) = ("$root/out", "$root/err");
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', $out or die;
        open STDERR, '>', $err or die;
        exec {"$build/provision/omakase"} 'omakase', '--root', "$root", @args or die;
    }
    waitpid $pid, 0;
    return {code => $? & 127 ? "signal $?" : $? >> 8, out => slurp($out), err => slurp($err)};
}

sub slurp_raw {
    my ($file) = @_;
    open my $fh, '<:raw', $file or die "$file: $!\n";
    local $/;
    return scalar(<$fh>) // '';
}

sub slurp {
    my ($file) = @_;
    my $bytes = slurp_raw($file);
    utf8::decode($bytes);
    return $bytes;
}

sub spew {
    my ($file, $text) = @_;
    open my $fh, '>:utf8', $file or die "$file: $!\n";
    print {$fh} $text;
    close $fh or die "$file: $!\n";
    return;
}
