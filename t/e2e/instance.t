#!/usr/bin/perl
# The instance itself: conf.d starts under each MPM, serves a site, and stops.
use v5.30;
use warnings;
use Test::More;
use Omakase::Client qw(get);
use Omakase::Instance;

for my $mpm (qw(event worker prefork)) {
    my $i = Omakase::Instance->new(mpm => $mpm);
    my $tree = $i->site('ab-cdftp', 'example.localhost');
    $i->site('cdftp', 'other.localhost');
    $i->put('ab-cdftp', 'web/a.html', "<p>eins</p>\n");
    $i->put('cdftp', 'web/a.html', "<p>zwei</p>\n");
    $i->start;
    my $www = 'www.example.localhost';

    is(get($i, $www, '/a.html')->{content}, "<p>eins</p>\n", "P1: $mpm serves /web");
    is(get($i, 'example.localhost', '/a.html')->{content}, "<p>eins</p>\n",
        'the bare domain too');
    is(get($i, 'www.other.localhost', '/a.html')->{content}, "<p>zwei</p>\n",
        'P1: another customer, another site');
    is(get($i, 'nobody.localhost', '/a.html')->{status}, 404,
        "a name of nobody's is nobody's site");

    $i->put('ab-cdftp', 'web/s.shtml', qq{<!--#echo var="DOCUMENT_URI" -->|<!--#exec cmd="id" -->\n});
    $i->put('ab-cdftp', 'web/s.html', qq{<!--#echo var="DOCUMENT_URI" -->\n});
    like(get($i, $www, '/s.shtml')->{content}, qr{^/s\.shtml\|\[an error},
        'P11: SSI in .shtml, without exec');
    like(get($i, $www, '/s.html')->{content}, qr/<!--#echo/, 'P11: never in .html');
    $i->put('ab-cdftp', 'web/up/.htaccess', "Options +Includes\n");
    $i->put('ab-cdftp', 'web/up/s.shtml', qq{<!--#exec cmd="id" -->\n});
    unlike(get($i, $www, '/up/s.shtml')->{content}, qr/uid=/,
        'IncludesNOEXEC cannot be lifted in .htaccess');

    $i->put('ab-cdftp', 'web/secret.html', 'x', 0000);
    SKIP: {
        skip 'modes do not bind httpd here: it runs as its starter', 2 if $>;
        is(get($i, $www, '/secret.html')->{status}, 403, 'P5: 403 by mode');
        chmod 0644, "$tree/web/secret.html";
        is(get($i, $www, '/secret.html')->{status}, 200, 'P5: chmod 644 cures it at once');
    }
    is(get($i, $www, '/A.html')->{status}, 404, 'P4, P6: names are case-sensitive');

    symlink '/etc/passwd', "$tree/web/passwd.html";
    chown 33, 33, "$tree/web" if !$>;
    if (!$>) {
        unlink "$tree/web/passwd.html";
        system 'setpriv', '--reuid=33', '--regid=33', '--clear-groups', 'ln', '-s',
            '/etc/passwd', "$tree/web/passwd.html";
        is(get($i, $www, '/passwd.html')->{status}, 403,
            "SymLinksIfOwnerMatch: a customer's link to root's file");
    }

    ok($i->httpd->graceful, 'graceful restart');
    is(get($i, $www, '/a.html')->{status}, 200, 'serves after it');
    my %a = Omakase::Instance->read_addresses($i->root);
    is($a{HTTP}, $i->httpd->addr, 'addresses: HTTP');
    is("$a{CUSTOMER} $a{DOMAIN} $a{CUSTOMER2} $a{DOMAIN2} $a{SITE}",
        "ab-cdftp example.localhost cdftp other.localhost $tree", 'addresses: customers');
    ok(-s "$tree/log/web.log", "the customer's access log");
    like(qx(cat $tree/log/error.log), qr/exec used but not allowed|exec/, "the customer's error log");
    ok($i->stop, 'stops by itself');
    ok(!$i->httpd->pid && !-e "$tree/../../run/httpd.pid", 'and is gone');
    my @odd = $i->httpd->unexpected(qr/AH01372|AH00035|AH00037|AH00132|AH0123|unknown directive|exec|Options not allowed|not allowed here|Permission denied|AH01630/);
    is("@odd", '', 'nothing unexpected in the error logs');
}
# What of conf.d or its modules could answer for an absent index is known to
# mod_index_order: else each name costs a request inside the request.
my $quick = Omakase::Instance->new(conf => "<IfModule index_order_module>\nLogLevel index_order:trace1\n</IfModule>\n");
if (-e $quick->layout('modules') . '/mod_index_order.so') {
    my $tree = $quick->site('quick', 'quick.localhost');
    $quick->put('quick', 'web/default.html', "quick\n");
    $quick->start;
    is(get($quick, 'www.quick.localhost', '/')->{content}, "quick\n", 'P2: the sixth name');
    open my $log, '<', "$tree/log/error.log" or die $!;
    like(join('', <$log>), qr{index_order: / is default\.html, without a subrequest}, 'by a look, in this conf.d');
    $quick->stop;
}
done_testing;
