package Omakase::Client;

# HTTP as a test needs to see it: the exact status line, headers and body of
# one request, over HTTP::Tiny (perl core), to an instance's loopback port
# under any Host name.

use v5.30;
use warnings;
use Exporter 'import';
use HTTP::Tiny;

our @EXPORT_OK = qw(get request);

# get($instance, 'www.example.localhost', '/path', Header => value, …)
sub get {
    my ($instance, $host, $path, %headers) = @_;
    return request($instance, 'GET', $host, $path, undef, %headers);
}

# The hash of HTTP::Tiny: status, reason, headers (lower case), content.
# Redirects are not followed; from => '127.0.0.7' is the client's address.
sub request {
    my ($instance, $method, $host, $path, $body, %headers) = @_;
    my $from = delete $headers{from};
    my $port = $instance->httpd->port;
    my $http = HTTP::Tiny->new(max_redirect => 0, timeout => 30, agent => 'omakase-test',
        proxy => undef, http_proxy => undef, https_proxy => undef,
        $from ? (local_address => $from) : ());
    # Names below .localhost resolve to loopback in browsers, not in every
    # resolver: peer says where, the URL says Host.
    return $http->request($method, "http://$host:$port$path",
        {peer => '127.0.0.1', headers => \%headers,
            defined $body ? (content => $body) : ()});
}

1;
