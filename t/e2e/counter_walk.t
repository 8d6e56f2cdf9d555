#!/usr/bin/perl
# The counter's URL stands for no file: httpd does not walk through directories
# for it. Whatever else takes the URL over later is walked for all the same.
use v5.30;
use warnings;
use Test::More;
use Omakase::Client qw(get);
use Omakase::Instance;

my $www = 'www.example.localhost';
my $count = '/cgi-bin/Count.cgi?df=example.localhost|format=text';

my $i = instance('');
$i->put('ab-cdftp', 'web/.htaccess', "NoSuchDirective\n");
is(ask($i)->{content}, "000001\n", "a customer's broken .htaccess does not stop the counter");
is(get($i, $www, '/x.html')->{status}, 500, 'and is one for every file');
is(join('', $i->httpd->unexpected(qr/Invalid command 'NoSuchDirective'/)), '', 'nothing else in the logs');
$i->stop;

# Nor is a rule for files of that name one for it.
my $k = instance("AddEncoding x-gzip .cgi\nAddLanguage fr .cgi\nAddOutputFilter INCLUDES .cgi\n");
$k->put('ab-cdftp', 'web/page.cgi.html', 'x');
is_deeply([@{get($k, $www, '/page.cgi.html')->{headers}}{qw(content-encoding content-language)}], ['x-gzip', 'fr'],
    'rules for *.cgi apply to files');
is_deeply([map { $_ // 'none' } @{ask($k)->{headers}}{qw(content-encoding content-language)}], [qw(none none)],
    'and not to the counter');
is(ask($k)->{content}, "000001\n", 'which answers as ever');
$k->stop;

my %taken = (
    'a rewritten URL' => qq{RewriteEngine On\nRewriteRule "^/cgi-bin/Count.cgi\$" "/closed/Count.cgi" [PT]\n},
    'a handler that <If> sets once there is a file' =>
        qq{<If "%{REQUEST_FILENAME} =~ /Count/">\nSetHandler default-handler\n</If>\n},
);
for my $name (sort keys %taken) {
    my $j = instance($taken{$name});
    for my $dir (qw(closed cgi-bin)) {
        $j->put('ab-cdftp', "web/$dir/Count.cgi", "secret\n");
        $j->put('ab-cdftp', "web/$dir/.htaccess", "Require all denied\n");
    }
    my $r = ask($j);
    is($r->{status}, 403, "$name: 403");
    unlike($r->{content}, qr/secret/, "$name: the file is not shown");
    $j->stop;
}
done_testing;

sub instance {
    my ($conf) = @_;
    my $new = Omakase::Instance->new(conf => "<VirtualHost *:*>\nServerName $www\n"
            . "ServerAlias example.localhost\nDocumentRoot \"\${OMAKASE_ROOT}/srv/ab-cdftp/web\"\n"
            . "ErrorLog \"\${OMAKASE_ROOT}/srv/ab-cdftp/log/error.log\"\nCounterCustomer ab-cdftp\n"
            . "<Directory \"\${OMAKASE_ROOT}/srv/ab-cdftp/web\">\nRequire all granted\n"
            . "AllowOverride All\n</Directory>\n$conf</VirtualHost>\n");
    $new->site('ab-cdftp', 'elsewhere.localhost'); # its tree
    $new->start;
    return $new;
}

sub ask { return get($_[0], $www, $count, Referer => "http://$www/") }
