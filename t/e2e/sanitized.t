#!/usr/bin/perl
# The modules built with ASan and UBSan (sanitize/asan), in the distribution's
# own httpd by LD_PRELOAD: no report from whatever a visitor or a customer
# sends, nor at a graceful restart and at the end.
use v5.30;
use warnings;
use File::Temp ();
use Test::More;
use Omakase::Client qw(request);
use Omakase::Instance;
use Omakase::SampleSite;

my $build = ($ENV{OMAKASE_BUILDDIR} // 'build') . '/sanitize/asan';
plan skip_all => 'configured with --disable-sanitized-check' if !-f "$build/Makefile";

my $stage = File::Temp->newdir('omakase-stage-XXXXXX', TMPDIR => 1);
chmod 0755, $stage;
is(system("make -s -C '$build' stage STAGE=$stage >$stage/log 2>&1"), 0, 'a stage of its own')
    or BAIL_OUT(scalar qx(cat $stage/log));
my ($modules) = map { /^modules=(.*)$/m } slurp("$stage/layout");
my @modules = glob "$modules/mod_*.so";
my ($asan) = qx(ldd $modules[0]) =~ /^\s*libasan\S* => (\S+)/m;
ok($asan, 'it wants libasan') or BAIL_OUT('no libasan');
like(qx(nm -D --undefined-only $_), qr/__asan_report_load.*__ubsan_handle/s, m{([^/]*)\z} ? "$1 is instrumented" : ())
    for @modules;
my $counter = -e "$modules/mod_counter.so";
my $www = 'www.example.localhost';

# What comes in a query, a Referer, a Host.
my $long = 'x' x 3000;
my @queries = ('df=example.localhost', 'df=WWW.EXAMPLE.LOCALHOST&md=10', 'df=example.localhost|st=5|md=5',
    'df=RANDOM', 'df=other.localhost', 'df=', 'df', '', '|', '&&&', 'md=4', 'md=11', 'md=99999999999999999999',
    'lit=0123456789:,-DHMSaApP', "lit=$long", "df=$long", "$long=1", 'lit=%', 'lit=%0', 'lit=%zz', 'lit=%00',
    'df=example%2Elocalhost', 'df=example.localhost&amp;md=7', 'df=example.localhost%7Cmd=7', '%F0%9F%8D%A3=1',
    'display=clock', 'display=clock|tformat=24', 'display=date|dformat=YYYYMMDD', 'display=version',
    'display=countdown|cdt=2030;1;1;0;0;0', 'display=countdown|cdt=2030;13;99;;;', 'display=image|image=a.gif',
    'display=today|df=example.localhost', 'display=yesterday|df=example.localhost', 'display=tomorrow',
    'df=example.localhost|ft=9|frgb=1;2;3', 'df=example.localhost|tr=T|trgb=#000000',
    'df=example.localhost|negate=T|rotate=T|angle=90', 'df=example.localhost|comma=T|pad=F',
    'df=example.localhost|scale=2', 'df=example.localhost|sh=F', 'df=example.localhost|incr=F',
    'df=example.localhost|dd=nosuch', 'df=example.localhost|dd=../../etc', 'df=example.localhost|timezone=GMT+0900',
    'df=example.localhost|timezone=GMT+99999999', join('|', ('md=1') x 400), join('&', map {"k$_=$_"} 1 .. 300));
push @queries, map {"df=example.localhost|dd=$_"} 'A' .. 'E';
my @referers = ("http://$www/", 'http://stranger.localhost/', 'about:blank', 'http://', "http://$long/",
    "http://[::1]:80/", "http://$www\@stranger.localhost/", "http://%ff%00/%0d%0a");

for my $mpm (qw(event prefork)) {
    my $reports = File::Temp->newdir('omakase-asan-XXXXXX', TMPDIR => 1);
    chmod 01777, $reports;
    # Each frame with the object that it is in.
    my $log = qq{log_path=$reports/report:stack_trace_format="  #%n %f %S (%m)"};
    # CoreDumpDirectory keeps children dumpable after setuid: LeakSanitizer
    # traces its own process.
    my $i = Omakase::Instance->new(mpm => $mpm, stage => "$stage", conf => "CoreDumpDirectory $reports\n",
        env => {LD_PRELOAD => $asan, UBSAN_OPTIONS => "print_stacktrace=1:$log",
            ASAN_OPTIONS => "detect_stack_use_after_return=1:detect_leaks=1:fast_unwind_on_malloc=0:$log"});
    Omakase::SampleSite::install($i);
    $i->put('ab-cdftp', 'web/.htaccess', join "\n", 'RewriteEngine On',
        map {"RewriteRule ^make$_ - [R=$_]"} 403, 404, 500, 503, 504, 507);
    $i->start;
    my @children = $i->httpd->children;
    like(slurp("/proc/$children[0]/maps"), qr{\Q$asan\E}, "$mpm: a child has libasan");
    is(visit($i), '', "$mpm: every request is answered");
    ok($i->httpd->graceful, "$mpm: graceful restart");
    is(visit($i), '', "$mpm: and after it");
    ok($i->stop, "$mpm: stops by itself");
    my @reports = map { slurp($_) } glob "$reports/report.*";
    is(join("\n", grep {defined} map { ours($_) } @reports), '', "$mpm: no report");
    unlike(slurp($i->root . '/log/httpd.out'), qr/Sanitizer|runtime error/, "$mpm: nor on the terminal");
    my @odd = $i->httpd->unexpected(qr/OMK\d{4}|AH00036|AH01276|AH10244/);
    is("@odd", '', "$mpm: nothing unexpected in the error logs");
}
done_testing;

# Sends everything; returns what was not answered, and an expected status that
# never came.
sub visit {
    my ($i) = @_;
    my (%status, @broken);
    for (requests()) {
        my ($method, $host, $path, %headers) = @$_;
        my $r = request($i, $method, $host, $path, $method eq 'POST' ? 'a=b' : undef, %headers);
        $status{$r->{status}}++;
        next if $r->{status} != 599; # HTTP::Tiny's own: the answer broke off
        push @broken, "$path: $r->{content}";
        last if @broken > 3; # a crash a request is slow, and tells enough
    }
    my @want = (200, 301, 403, 404, 500, 503, 504, 507, $counter ? (400, 405) : ());
    return join "\n", @broken, map {"no answer was $_"} grep { !$status{$_} } @want;
}

# [method, host, path, headers]...
sub requests {
    my $count = '/cgi-bin/Count.cgi';
    my @list;
    for my $path ('/', '/news.shtml', '/en/', '/en', '/img/', '/nosuch', '/%2e%2e/', "/$long",
        '/counter/index.shtml', map {"/make$_"} 403, 404, 500, 503, 504, 507) {
        push @list, map { ['GET', $www, $path, 'Accept-Language' => $_] } qw(ja en);
    }
    return @list if !$counter;
    for my $query (@queries) {
        my @referer = (Referer => $referers[0]);
        push @list, map { ['GET', $www, "$count?$query$_", @referer] } '', map {"|format=$_"} qw(text json png svg);
        push @list, ['HEAD', $www, "$count?$query", @referer];
    }
    for my $referer (@referers) {
        push @list, map { ['GET', $_, "$count?df=example.localhost", Referer => $referer] }
            $www, 'example.localhost', 'www.other.localhost', 'nobody.localhost';
    }
    push @list, map { [$_, $www, "$count?df=example.localhost"] } qw(POST PUT OPTIONS DELETE NOSUCH);
    return @list;
}

# A report; of one on leaks, what our modules have allocated by themselves or in
# a library. Not what httpd or APR has for them: it goes with its pool, whose
# pages LeakSanitizer does not search.
sub ours {
    my ($report) = @_;
    return $report if $report !~ /LeakSanitizer: detected memory leaks/;
    my $our = join '|', map {quotemeta} @modules;
    my @leaks;
    for my $leak (split /\n\n/, $report) {
        my ($first) = $leak =~ m{\(($our|\S*/(?:apache2|libapr\S*))\)$}m or next;
        push @leaks, $leak if $first =~ /\A(?:$our)\z/;
    }
    return @leaks ? join("\n", @leaks) : undef;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<', $file or return '';
    local $/;
    return <$fh> // '';
}
