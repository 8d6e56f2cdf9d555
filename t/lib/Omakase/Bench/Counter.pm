package Omakase::Bench::Counter;

# An httpd from the product's conf.d with the counter, for the benchmarks: one
# customer, visitors' addresses from X-Forwarded-For by mod_remoteip.

use v5.30;
use warnings;
use Carp;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use JSON::PP qw(decode_json);
use Omakase::Bench qw(halves wrk);
use Omakase::Client qw(get);
use Omakase::Instance;

my $LUA = dirname(__FILE__) . '/../../../bench/visitors.lua';
my $HOST = 'www.example.localhost';
my $QUERY = 'df=example.localhost|md=7|dd=A|st=1000000';

# load, conf: further httpd configuration, as Omakase::Instance takes it.
sub new {
    my ($class, %o) = @_;
    my ($server) = halves();
    my $i = Omakase::Instance->new(
        wrapper => $server,
        load => join("\n", 'LoadModule remoteip_module "${HTTPD_MODULES}/mod_remoteip.so"',
            $o{load} // ()),
        conf => "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n"
            . ($o{conf} // ''),
        map { $o{$_} ? ($_ => $o{$_}) : () } qw(mpm root));
    return bless {instance => $i}, $class;
}

sub instance { $_[0]{instance} }

# Before perl takes the objects apart in any order.
sub DESTROY { $_[0]{instance}->stop if $_[0]{instance} }

# Starts it; /img/same.gif is what the counter answers then. It lies as deep as
# Count.cgi does, which is where pages have their pictures.
sub start {
    my ($self) = @_;
    my $i = $self->{instance};
    $i->site('ab-cdftp', 'example.localhost');
    $i->start;
    $self->ask('incr=T'); # the first hit shows the first value: no difference to count by
    $i->put('ab-cdftp', 'web/img/same.gif', $self->image);
    return;
}

# The counter's answer now, without counting.
sub image {
    my ($self) = @_;
    my $r = $self->ask('incr=F');
    $r->{status} == 200 && $r->{headers}{'content-type'} eq 'image/gif'
        or croak "the counter answers $r->{status}:\n" . $self->{instance}->httpd->log_text;
    return $r->{content};
}

sub count {
    my ($self) = @_;
    return decode_json($self->ask('format=json|incr=F')->{content})->{count};
}

sub ask {
    my ($self, $more) = @_;
    return get($self->{instance}, $HOST, "/cgi-bin/Count.cgi?$QUERY|$more",
        Referer => "http://$HOST/");
}

# Builds Count.cgi with a configuration of this instance's at path below its
# root, for the same store and customer, and returns its whole path.
sub count_cgi {
    my ($self, $path) = @_;
    my $i = $self->{instance};
    my $conf = $i->root . '/etc/counter.conf';
    my $program = $i->root . "/$path";
    make_path(dirname($program));
    open my $fh, '>', $conf or croak "$conf: $!";
    print {$fh} <<"EOT";
CounterStore @{[$i->root]}/var/counter/counters
CounterDesigns @{[$i->layout('share')]}/designs
CounterSync 1
<VirtualHost *:*>
    ServerName $HOST
    ServerAlias example.localhost
    CounterCustomer ab-cdftp
</VirtualHost>
EOT
    close $fh or croak "$conf: $!";
    system('make', '-s', '-C', $ENV{OMAKASE_BUILDDIR}, 'count-cgi-at', "CONF=$conf",
        "OUT=$program") == 0 or croak 'make count-cgi-at failed';
    return $program;
}

sub query {$QUERY}

# Requests a second for path, asked in the same words by the same client as
# hits().
sub load {
    my ($self, $path) = @_;
    return wrk($self->{instance}, lua => $LUA, args => [$HOST, "$path?$QUERY"])->{rate};
}

# Counting hits a second at path (default: mod_counter's), each of a new
# visitor; it is seen to that they count.
sub hits {
    my ($self, $path) = @_;
    my $before = $self->count;
    my $run = wrk($self->{instance}, lua => $LUA,
        args => [$HOST, ($path // '/cgi-bin/Count.cgi') . "?$QUERY"]);
    my $counted = $self->count - $before;
    croak "$run->{requests} hits were answered and $counted counted"
        if $counted < $run->{requests};
    return $run->{rate};
}

1;
