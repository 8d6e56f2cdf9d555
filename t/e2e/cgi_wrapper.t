#!/usr/bin/perl
# The program cgi-wrapper: its command line against its page, what it says of the
# machine, and how it is built.
use v5.30;
use warnings;
use JSON::PP ();
use Test::More;
use Omakase::Instance;

my $layout = Omakase::Instance->new(daemons => []);
my $program = $layout->layout('libexec') . '/cgi-wrapper';
plan skip_all => 'cgi-wrapper is not built' if !-x $program;
my $src = $ENV{OMAKASE_SRCDIR} // '..';

# (status, output with errors)
sub run_it {
    my (@arguments) = @_;
    my $pid = open(my $out, '-|') // die $!;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT or die $!;
        exec $program, @arguments or die $!;
    }
    local $/;
    my $text = <$out>;
    close $out;
    return ($? >> 8, $text);
}

subtest 'command line' => sub {
    my ($status, $help) = run_it('--help');
    is($status, 0, '--help');
    open my $fh, '<', "$src/doc/man/cgi-wrapper.8" or die $!;
    my ($options) = do { local $/; <$fh> } =~ /^\.Sh OPTIONS\n(.*?)(?=^\.Sh )/ms;
    is_deeply([sort $options =~ /^\.It Fl -([a-z-]+)/mg], [sort $help =~ /^  --([a-z-]+)/mg],
        'the page has its options');
    like((run_it('--version'))[1], qr/\Acgi-wrapper \d+\.\d+\.\d+\n\z/, '--version');
    for my $wrong ([], ['--nosuch'], ['--json'], ['--capabilities', 'x'], ['--capabilities', '--cgroup', '../x']) {
        my ($code, $says) = run_it(@$wrong);
        is($code, 64, "refused: @$wrong");
        like($says, qr/\S/, 'with a word why');
    }
};

subtest 'not started by httpd' => sub {
    # 3 to 5 may be open in whoever runs the tests
    my $says = qx{$program --daemon 3>&- 4>&- 5>&- 2>&1 </dev/null};
    is($? >> 8, 1, 'it does not start');
    like($says, qr/\AOMK0426: cgi-wrapper: cannot start: descriptor 3 is not open; httpd starts this program/, 'and says why');
};

subtest 'capabilities' => sub {
    my ($status, $text) = run_it('--capabilities');
    is($status, 0, 'as text');
    my %by_line = $text =~ /^([a-z-]+): (\S.*)$/mg;
    my ($json_status, $json) = run_it('--capabilities', '--json');
    is($json_status, 0, 'as JSON');
    my @found = map { JSON::PP->new->decode($_) } split /\n/, $json;
    my @names = map { $_->{name} } grep { defined $_->{name} } @found;
    cmp_ok(scalar @names, '>=', 8, 'so many');
    for my $name (qw(memory processes cpu-time cpu-weight tree-kill)) {
        ok((grep { $_ eq $name } @names), "$name stands in the JSON");
        ok($by_line{$name}, "$name stands in the text");
    }
};

subtest 'how it is built' => sub {
    my $readelf = (grep {-x} map {"$_/readelf"} split /:/, $ENV{PATH})[0] or plan skip_all => 'no readelf';
    my $elf = qx{$readelf -W -h -l -d $program};
    like($elf, qr/^\s*Type:\s+DYN\b/m, 'position-independent');
    like($elf, qr/^\s*GNU_RELRO\b/m, 'read-only after relocation');
    like($elf, qr/\bBIND_NOW\b|\bFlags:.*\bNOW\b/, 'all of it at once');
    like($elf, qr/^\s*GNU_STACK\s.*\bRW\s/m, 'no executable stack');
    unlike($elf, qr/\bRWE\b/, 'nothing is writable and executable');
    my @needed = $elf =~ /\(NEEDED\)\s+Shared library: \[([^\]]+)\]/g;
    is_deeply([grep { !/\A(?:libc|ld-linux[^.]*)\.so\b/ } @needed], [], 'nothing but libc');
    is((stat $program)[2] & 07777, 0755, 'no set-id bit');
};

done_testing;
