#!/usr/bin/perl
# Who a visitor is: the address of the connection; behind a proxy what it says,
# through mod_remoteip alone and from trusted proxies alone. Of an IPv6 address
# the /64 counts.
use v5.30;
use warnings;
use IO::Socket::IP;
use Test::More;
use Omakase::Counter qw($CGI ask count instance);

my $www = 'www.example.localhost';
my $remoteip = <<'END';
LoadModule remoteip_module "${HTTPD_MODULES}/mod_remoteip.so"
RemoteIPHeader X-Forwarded-For
RemoteIPTrustedProxy 127.0.0.1
CounterIgnore 203.0.113.0/24 2001:db8:bad::/48
END

# [what, headers and from, counted]: in this order on one counter.
my @without = (
    ['a visitor', [from => '127.0.0.1'], 1],
    ['X-Forwarded-For is not believed', [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.1'], 0],
    ['nor another one', [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.2'], 0],
    ['nor X-Real-IP', [from => '127.0.0.1', 'X-Real-IP' => '198.51.100.2'], 0],
    ['nor Forwarded', [from => '127.0.0.1', Forwarded => 'for=198.51.100.2'], 0],
    ['nor Client-IP', [from => '127.0.0.1', 'Client-IP' => '198.51.100.2'], 0],
    ['another connection is another visitor', [from => '127.0.0.2'], 1],
);
my @with = (
    ['a visitor behind the proxy', [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.1'], 1],
    ['the same again', [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.1'], 0],
    ['another one behind it', [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.2'], 1],
    ['and A again', [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.1'], 1],
    ['who is no trusted proxy says nothing', [from => '127.0.0.9', 'X-Forwarded-For' => '198.51.100.7'], 1],
    ['whatever he says', [from => '127.0.0.9', 'X-Forwarded-For' => '198.51.100.8'], 0],
    ['what stands before the last one is the visitor\'s own word',
        [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.77, 198.51.100.20'], 1],
    ['and changes nothing', [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.78, 198.51.100.20'], 0],
    ['an ignored one', [from => '127.0.0.1', 'X-Forwarded-For' => '203.0.113.5'], 0],
    ['an ignored /48', [from => '127.0.0.1', 'X-Forwarded-For' => '2001:db8:bad:1::5'], 0],
    ['IPv6', [from => '127.0.0.1', 'X-Forwarded-For' => '2001:db8:1:2::1'], 1],
    ['another address of its /64', [from => '127.0.0.1', 'X-Forwarded-For' => '2001:db8:1:2:ffff:ffff:ffff:ffff'], 0],
    ['written another way', [from => '127.0.0.1', 'X-Forwarded-For' => '2001:DB8:1:2:0:0:0:9'], 0],
    ['the next /64', [from => '127.0.0.1', 'X-Forwarded-For' => '2001:db8:1:3::1'], 1],
    ['and back', [from => '127.0.0.1', 'X-Forwarded-For' => '2001:db8:1:2::2'], 1],
    ['an IPv4 address', [from => '127.0.0.1', 'X-Forwarded-For' => '198.51.100.30'], 1],
    ['the same in IPv6 dress', [from => '127.0.0.1', 'X-Forwarded-For' => '::ffff:198.51.100.30'], 0],
);
for my $case (['without mod_remoteip', '', \@without], ['with mod_remoteip', $remoteip, \@with]) {
    my ($name, $conf, $steps) = @$case;
    my $i = instance(conf => $conf);
    $i->start;
    my $value = 0;
    for (@$steps) {
        my ($what, $o, $counted) = @$_;
        $value += $counted;
        my $said = $counted ? 'true' : 'false';
        like(ask($i, "df=$www|format=json", @$o), qr/"count":$value,.*"counted":$said/, "$name: $what");
    }
    # What is no address at all is nobody.
    if ($conf) {
        like(ask($i, "df=$www|format=json", from => '127.0.0.1', 'X-Forwarded-For' => $_), qr/^200 /, "X-Forwarded-For: $_")
            for 'unknown', '', '1.2.3.4.5', '::g', 'x' x 4000;
    }
    is(join('', $i->httpd->unexpected(qr/AH0155[0-9]/)), '', "$name: nothing unexpected in the error logs");
}

# The same by IPv6 itself, where the machine has it.
SKIP: {
    my $probe = IO::Socket::IP->new(LocalHost => '::1', Listen => 1, Proto => 'tcp')
        or skip 'no IPv6 loopback here', 4;
    my $port = $probe->sockport;
    close $probe;
    my $i = instance(conf => "Listen [::1]:$port\n");
    $i->start;
    my $again = sub {
        my $s = IO::Socket::IP->new(PeerHost => '::1', PeerPort => $port, Proto => 'tcp') or return "connect: $@";
        print {$s} "GET $CGI?df=$www|format=json HTTP/1.0\r\nHost: $www\r\nReferer: http://$www/\r\n\r\n";
        local $/;
        return <$s>;
    };
    like($again->(), qr/"count":1,.*"counted":true/, 'over IPv6');
    like($again->(), qr/"count":1,.*"counted":false/, 'a reload does not count there either');
    like(ask($i, "df=$www|format=json"), qr/"count":2,.*"counted":true/, 'over IPv4: another visitor');
    like($again->(), qr/"count":3,.*"counted":true/, 'and back');
    is(join('', $i->httpd->unexpected), '', 'nothing unexpected in the error logs');
}
done_testing;
