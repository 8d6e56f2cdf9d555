#!/usr/bin/perl
# The man pages and the operator's guide say what the programs do: options and
# commands, directives, numbers of log lines. All of it is found in the sources,
# so a new module, program or number is looked at without a line here.
use v5.30;
use warnings;
use Encode ();
use File::Find ();
use Test::More;
use Omakase::Instance;

my $src = $ENV{OMAKASE_SRCDIR} // '..';
my %pages = map { m{([^/]+)\z} => slurp($_) } glob "$src/doc/man/*.[1-8]";
cmp_ok(scalar keys %pages, '>=', 4, 'man pages are there');

subtest 'log numbers' => \&log_numbers;
subtest "modules' directives" => \&directives;
subtest 'counter.conf' => \&counter_conf;
subtest 'programs' => \&programs;
subtest "CGI's codes" => \&cgi_codes;
subtest 'mandoc' => \&lint;
done_testing;

sub slurp {
    my ($path) = @_;
    open my $fh, '<', $path or die "$path: $!";
    local $/;
    return <$fh>;
}

sub files {
    my ($pattern, @dirs) = @_;
    my @found;
    File::Find::find({no_chdir => 1, wanted => sub { push @found, $_ if -f && /$pattern/ }},
        grep {-d} map {"$src/$_"} @dirs);
    return sort @found;
}

# The entries that a page has for directives: name => text.
sub entries {
    my ($page) = @_;
    my ($section) = $page =~ /^\.Sh DIRECTIVES\n(.*?)(?=^\.Sh |\z)/ms or return;
    my (undef, @parts) = split /^\.(?:It (?:Ic|Cm)|Ss) (?=[A-Z])/m, $section;
    return map { /^(\w+)(.*)/s; ($1 => $2) } @parts;
}

sub same {
    my ($got, $expected, $name) = @_;
    my %e = map { $_ => 1 } @$expected;
    my %g = map { $_ => 1 } @$got;
    is(join(' ', grep { !$g{$_} } sort keys %e), '', "$name: none is missing");
    is(join(' ', grep { !$e{$_} } sort keys %g), '', "$name: none too many");
    return;
}

# --- tests ---------------------------------------------------------------------

sub log_numbers {
    my (%in_source, %in_guide);
    for my $file (files(qr/\.(?:c|h|pm|pl|conf)\z/, glob_dirs())) {
        $in_source{$_} = 1 for slurp($file) =~ /(OMK\d{4})/g;
    }
    my $guide = slurp("$src/doc/operator.md");
    for my $row ($guide =~ /^\| (OMK\d{4} \|.*)$/mg) {
        my ($id, $level, $means, $do) = split /\s*\|\s*/, $row;
        ok(!$in_guide{$id}++, "$id stands there once");
        ok(length($level) && length($means) > 20 && length $do, "$id: level, meaning, what to do");
    }
    cmp_ok(scalar keys %in_source, '>=', 8, 'numbers in the sources');
    same([keys %in_guide], [keys %in_source], 'operator.md');
    for my $page (sort keys %pages) {
        my @unknown = grep { !$in_source{$_} } $pages{$page} =~ /(OMK\d{4})/g;
        is("@unknown", '', "$page: only numbers that are there");
    }
    return;
}

# The folders of sources, whatever parts there are.
sub glob_dirs { return grep { $_ !~ /^(?:build.*|t|doc|autom4te.*|m4|run.*)\z/ } map { s{\Q$src\E/}{}r } grep {-d} glob "$src/*" }

sub commands_of {
    my ($file) = @_;
    return slurp($file) =~ /\bAP_INIT_\w+\(\s*"(\w+)"/g;
}

sub directives {
    my @modules = files(qr{/mod_\w+\.c\z}, 'modules');
    my $with = 0;
    for my $file (@modules) {
        my ($module) = $file =~ m{(mod_\w+)\.c\z};
        my @commands = commands_of($file) or next;
        my $page = $pages{"$module.8"};
        $with++;
        ok($page, "$module has a page") or next;
        my %entries = entries($page);
        same([keys %entries], \@commands, "$module(8)");
        for my $name (sort keys %entries) {
            like($entries{$name}, qr/\bDefault\b.*\bContext\b/s, "$name: default and context");
        }
    }
    cmp_ok($with, '>=', 1, 'modules with directives');
    return;
}

sub counter_conf {
    my ($table) = slurp("$src/counter/conf.c") =~ /^static const struct directive directives\[\] = \{(.*?)^\};/ms;
    my @conf = $table =~ /\bNAME\("(\w+)"\)/g;
    my @module = commands_of("$src/modules/counter/mod_counter.c");
    same([grep {/^Counter/} @conf], \@module, 'counter/conf.c against mod_counter');
    my %entries = entries($pages{'counter.conf.5'});
    same([keys %entries], \@conf, 'counter.conf(5)');
    like($entries{$_}, qr/^Default:/m, "$_: default") for sort keys %entries;
    my ($head) = slurp("$src/counter/conf.h") =~ m{\A/\*(.*?)\*/}s;
    same([$head =~ /\b(Counter[A-Z]\w*)/g], \@module, 'the list in counter/conf.h');
    return;
}

sub options_of { return $_[0] =~ /^\.It Fl -([a-z-]+)/mg }

# The items of a page's list of commands: name => text.
sub command_items {
    my ($page) = @_;
    my ($section) = $page =~ /^\.Sh COMMANDS\n(.*?)(?=^\.Sh )/ms or return;
    my (undef, @parts) = split /^\.It Ic (?=[a-z])/m, $section;
    return map { /^([a-z-]+)(.*)/s; ($1 => $2) } @parts;
}

# Each program with commands that has a page: --help against the page.
sub programs {
    my $layout = Omakase::Instance->new(daemons => []);
    my $seen = 0;
    for my $page (sort keys %pages) {
        my ($name) = $page =~ /^(.*)\.[18]\z/ or next;
        my ($program) = grep {-x} map { $layout->layout($_) . "/$name" } qw(bin sbin) or next;
        my %items = command_items($pages{$page}) or next;
        $seen++;
        my $help = qx{$program --help};
        my ($list) = $help =~ /^commands:\n(.*?)^$/ms;
        same([keys %items], [$list =~ /^  ([a-z-]+)/mg], "$page: commands");
        my ($general) = $pages{$page} =~ /^\.Sh OPTIONS\n(.*?)(?=^\.Sh )/ms;
        my %general = map { $_ => 1 } options_of($general);
        for my $command (sort keys %items) {
            my @has = qx{$program $command --help} =~ /^  --([a-z-]+)/mg;
            cmp_ok(scalar @has, '>', 0, "$name $command --help");
            same([options_of($items{$command})], [grep { !$general{$_} } @has], "$page: $command");
            my ($arguments) = qx{$program $command --help} =~ /^usage: \S+ \S+ \[OPTION\.\.\.\] ?(.*)$/m;
            my ($documented) = $items{$command} =~ /^(.*)$/m;
            is(($documented =~ s/\b(?:Ar|Cm)\b//gr) =~ s/\s+//gr, $arguments =~ s/\s+//gr,
                "$page: arguments of $command");
        }
    }
    cmp_ok($seen, '>=', 1, 'programs with commands') if -x $layout->layout('sbin') . '/omakase-counter';
    return;
}

# Every code of the CGI wrapper's, with its status, in the customer's pages.
sub cgi_codes {
    my %status = slurp("$src/cgi-wrapper/diagnose.c") =~ /\[CGIW_(E\d\d)\]\s*=\s*\{\s*(\d{3}),/g;
    my @codes = slurp("$src/cgi-wrapper/diagnose.h") =~ /^    CGIW_(E\d\d),/mg;
    cmp_ok(scalar @codes, '>=', 24, 'codes');
    same([keys %status], \@codes, 'diagnose.c');
    for my $language (qw(ja en)) {
        my $page = slurp("$src/doc/customer-cgi.$language.md");
        my @rows = $page =~ /^\| (E\d\d \|.*) \|$/mg;
        same([map { substr $_, 0, 3 } @rows], \@codes, "customer-cgi.$language.md");
        is(scalar @rows, scalar @codes, "$language: each once");
        for my $row (@rows) {
            my ($code, $answer, $what, $do) = split /\s*\|\s*/, $row;
            is($answer, $status{$code}, "$language: $code, status");
            ok(length($what) >= 10 && length $do >= 10, "$language: $code, what happened, what to do");
        }
        my @linked = map { lc s/[^\w -]//gr =~ s/ /-/gr } map { decode($_) } $page =~ /^## (.*)$/mg;
        my @contents = map { decode($_) } $page =~ /^- \[.*?\]\(#(.*?)\)$/mg;
        is_deeply(\@contents, \@linked, "$language: the contents lead to the headings");
    }
    return;
}

sub decode { return Encode::decode('UTF-8', $_[0]) }

sub lint {
    my $mandoc = (grep {-x} map {"$_/mandoc"} split /:/, $ENV{PATH})[0] or plan skip_all => 'no mandoc';
    for my $page (sort keys %pages) {
        open my $fh, '-|', $mandoc, '-T', 'lint', '-W', 'warning', "$src/doc/man/$page" or die;
        is(join('', <$fh>), '', $page);
        close $fh;
        like($pages{$page}, qr/^\.Sh NAME\n.*^\.Nd .*^\.Sh DESCRIPTION/ms, "$page: name and description");
        for my $xr ($pages{$page} =~ /^\.Xr (\S+ \d)/mg) {
            ok($pages{$xr =~ s/ /./r}, "$page: $xr is one of ours");
        }
    }
    return;
}
