package Omakase::Counter;

# What tests of the counter share: its URL, its store, and Count.cgi beside
# mod_counter in one httpd.

use v5.30;
use warnings;
use Exporter 'import';
use File::Path qw(make_path);
use IO::Socket::INET;
use IPC::Open3 qw(open3);
use JSON::PP qw(decode_json);
use Omakase::Client qw(get);
use Omakase::Instance;
use Test::More ();
use Time::HiRes ();

our @EXPORT_OK = qw($CGI $CGI2 ask count cgi_conf counter_conf hammer instance one_child rss_anon_kib store tool until_true);

our $CGI = '/cgi-bin/Count.cgi'; # mod_counter's
our $CGI2 = '/scripts/Count.cgi'; # the program's

# An instance with two customers, not started. Ends the test, skipped, where
# the stage has no mod_counter.
sub instance {
    my (%o) = @_;
    my $i = Omakase::Instance->new(%o);
    Test::More::plan(skip_all => 'built without mod_counter')
        if !-e $i->layout('modules') . '/mod_counter.so';
    $i->site('ab-cdftp', 'example.localhost');
    $i->site('cdftp', 'other.localhost');
    return $i;
}

sub store { $_[0]->root . '/var/counter/counters' }

# (exit status, output) of t/e2e/store_tool.
sub tool {
    my (@args) = @_;
    my $pid = open3(my $in, my $out, undef,
        ($ENV{OMAKASE_BUILDDIR} // 'build') . '/t/e2e/store_tool', @args);
    close $in;
    my $text = do { local $/; <$out> } // '';
    waitpid $pid, 0;
    return ($? >> 8, $text =~ s/\n\z//r);
}

# "STATUS BODY" of a hit from the site's own page; from, host, cgi and headers
# may follow.
sub ask {
    my ($i, $query, %o) = @_;
    my $host = delete $o{host} // 'www.example.localhost';
    my $r = get($i, $host, (delete $o{cgi} // $CGI) . "?$query", Referer => "http://$host/", %o);
    return "$r->{status} $r->{content}" =~ s/\n\z//r;
}

# The counter as it stands now, as a number; undef where httpd does not say.
sub count {
    my ($i, $df, %o) = @_;
    my ($status, $json) = split / /, ask($i, "df=$df|format=json|incr=F", host => $df, %o), 2;
    return $status eq '200' ? decode_json($json)->{count} : undef;
}

# httpd's configuration that runs Count.cgi at $CGI2, with counter.conf and the
# same store. For an instance: conf => cgi_conf($mpm), then counter_conf($i)
# before it starts.
sub cgi_conf {
    my ($mpm) = @_;
    my $cgi = $mpm eq 'prefork' ? 'cgi' : 'cgid';
    return <<"END";
LoadModule ${cgi}_module "\${HTTPD_MODULES}/mod_$cgi.so"
ScriptAlias "/scripts/" "\${OMAKASE_ROOT}/scripts/"
<Directory "\${OMAKASE_ROOT}/scripts">
    Require all granted
</Directory>
END
}

# Builds Count.cgi for this instance and writes its counter.conf; $more stands
# in that file's server scope, $site in the site's section.
sub counter_conf {
    my ($i, $more, $site) = @_;
    my $dir = $i->root . '/scripts';
    make_path($dir);
    write_conf($i, counter_conf_text($i, $more, $site));
    system('make', '-s', '-C', $ENV{OMAKASE_BUILDDIR} // 'build', 'count-cgi-at',
        "CONF=$dir/counter.conf", "OUT=$dir/Count.cgi") == 0
        or die 'make count-cgi-at failed';
    return "$dir/Count.cgi";
}

sub counter_conf_text {
    my ($i, $more, $site) = @_;
    my ($share, $lib) = map { $i->layout($_) } qw(share lib);
    my $store = store($i);
    $_ //= '' for $more, $site;
    return <<"END";
CounterStore "$store"
CounterDesigns "$share/designs"
CounterImages "$share/images"
CounterEffects "$lib/counter_effects.so"
$more
<VirtualHost *:*>
    ServerName www.example.localhost
    ServerAlias example.localhost
    CounterCustomer ab-cdftp
    $site
</VirtualHost>
<VirtualHost *:*>
    ServerName www.other.localhost
    ServerAlias other.localhost
    CounterCustomer cdftp
</VirtualHost>
END
}

sub write_conf {
    my ($i, $text) = @_;
    my $file = $i->root . '/scripts/counter.conf';
    open my $fh, '>', "$file.new" or die "$file.new: $!";
    print {$fh} $text;
    close $fh or die "$file.new: $!";
    rename "$file.new", $file or die "$file: $!";
    return;
}

# n hits on one keep-alive connection, many under way at a time. Croaks when one
# of them is not answered 200.
sub hammer {
    my ($i, $host, $target, $n) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $i->httpd->port, Proto => 'tcp')
        or die "connect: $@";
    my $request = "GET $target HTTP/1.1\r\nHost: $host\r\nReferer: http://$host/\r\n\r\n";
    while ($n > 0) {
        my $batch = $n < 50 ? $n : 50;
        print {$s} $request x $batch or die "write: $!";
        my $answers = '';
        for (1 .. $batch) {
            my ($head, $length);
            until (($head, $length) = $answers =~ /\A(HTTP.*?^Content-Length: (\d+).*?\r\n\r\n)/ims
                and length $answers >= length($head) + $length) {
                sysread $s, $answers, 65536, length $answers or die 'httpd closed the connection';
            }
            die "not answered 200: $head" if $head !~ m{\AHTTP/1\.1 200 };
            substr $answers, 0, length($head) + $length, '';
        }
        $n -= $batch;
    }
    return;
}

# httpd's configuration with one child, so that its growth is the counter's.
sub one_child {
    return <<'END';
StartServers 1
ServerLimit 1
ThreadsPerChild 2
MaxRequestWorkers 2
MinSpareThreads 1
MaxSpareThreads 2
CounterReload on
END
}

# RssAnon of httpd's child, in KiB; it has more threads than mod_cgid's daemon.
sub rss_anon_kib {
    my ($i) = @_;
    for my $pid ($i->httpd->children) {
        open my $fh, '<', "/proc/$pid/status" or next;
        my $text = do { local $/; <$fh> };
        return $1 if $text =~ /^RssAnon:\s+(\d+) kB/m;
    }
    return;
}

# Polls until the test is true, 20 s at most; returns what it said.
sub until_true (&) {
    my ($test) = @_;
    my $end = Time::HiRes::time() + 20;
    while (1) {
        my $got = $test->();
        return $got if $got || Time::HiRes::time() > $end;
        Time::HiRes::sleep(0.02);
    }
}

1;
