#!/usr/bin/perl
# ./configure --with-modules=LIST: each module by itself, and none, is built,
# staged and checked with conf.d as it is; a name that is none is an error that
# says so.
use v5.30;
use warnings;
use File::Temp ();
use Test::More;

plan skip_all => 'builds the tree once a module: only in CI, or with OMAKASE_FULL=1'
    if !$ENV{CI} && !$ENV{OMAKASE_FULL};
my $src = $ENV{OMAKASE_SRCDIR};
plan skip_all => 'the source directory is configured itself' if -e "$src/config.status";

# Neither make's nor prove's variables of the run that this test is in.
delete @ENV{grep {/\A(?:MAKE|MFLAGS|HARNESS|OMAKASE_(?:STAGE|SRCDIR|BUILDDIR))/} keys %ENV};

my @modules = grep { -e "$src/modules/$_/mod_$_.c" } map { m{/modules/([^/]+)/local\.mk\z} }
    sort glob "$src/modules/*/local.mk";
ok(scalar @modules, "modules: @modules");
for my $list (@modules, 'no') {
    my $dir = File::Temp->newdir('omakase-build-XXXXXX', TMPDIR => 1);
    chmod 0755, $dir;
    my $run = sub {
        my ($what, $command) = @_;
        my $rc = system "cd $dir && ($command) >log 2>&1 </dev/null";
        is($rc, 0, "$list: $what") or diag(scalar qx(tail -n 60 $dir/log));
        return $rc == 0;
    };
    $run->('configure', "'$src/configure' -q --with-modules=$list --disable-sanitized-check CFLAGS=-O0") or next;
    $run->('make', 'make -s') or next;
    $run->('make stage', "make -s stage STAGE=$dir/stage") or next;
    my ($where) = qx(cat $dir/stage/layout) =~ /^modules=(.*)$/m;
    my @built = map { m{/mod_([^/]*)\.so\z} } glob "$where/mod_*.so";
    is("@built", $list eq 'no' ? '' : $list, "$list: nothing else is built");
    $run->('make check, with conf.d', 'make -s check E2E_TESTS="t/e2e/instance.t t/e2e/errors.t"');
    like(scalar qx(tail -n 3 $dir/log), qr/^Result: PASS/m, "$list: and it has passed");
}

my $dir = File::Temp->newdir('omakase-build-XXXXXX', TMPDIR => 1);
my $said = qx(cd $dir && '$src/configure' -q --with-modules=$modules[0],nosuch 2>&1);
isnt($?, 0, 'an unknown name is refused');
like($said, qr/--with-modules: no module is named 'nosuch' \(there are: .*\b$modules[0]\b/, 'by its name, with those that are');
done_testing;
