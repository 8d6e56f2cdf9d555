#!/usr/bin/perl
# Scripts in pages: #include virtual and #exec cgi through the wrapper, #exec cmd
# only where the operator allows it, and then as the customer.
use v5.30;
use warnings;
use Test::More;
use Omakase::Cgi qw(mpms);

Omakase::Cgi->needs;
my $ERROR = qr/\[an error occurred while processing this directive\]/;
for my $mpm (mpms()) {
    subtest $mpm => sub { all($mpm) };
}
beside($_) for 'prefork', 'event';
done_testing;

sub write_pages {
    my ($w, $n) = @_;
    my @of = (customer => $n);
    $w->script('a.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo \"script \$(id -u) \$QUERY_STRING\"\n", @of);
    $w->script('gone.cgi', "#!/bin/sh\nexit 2\n", @of);
    $w->script('half.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo half; kill -9 \$\$\n", @of);
    $w->script('to.cgi', "#!/bin/sh\necho 'Location: http://x.localhost/?a&b'; echo\n", @of);
    $w->script('nph-a.cgi', "#!/bin/sh\necho raw\n", @of);
    my %page = (
        'virtual' => '[<!--#include virtual="/a.cgi?q=1" -->]',
        'cgi' => '[<!--#exec cgi="/a.cgi" -->]',
        'gone' => '[<!--#include virtual="/gone.cgi" -->][<!--#exec cgi="/gone.cgi" -->] after',
        'half' => '[<!--#include virtual="/half.cgi" -->] after',
        'to' => '[<!--#exec cgi="/to.cgi" -->]',
        'nph' => '[<!--#exec cgi="/nph-a.cgi" -->]',
        'none' => '[<!--#exec cgi="/none.cgi" -->][<!--#exec cgi="/a.cgi/x" -->][<!--#exec cgi="/a.cgi?x" -->]',
        'cmd' => '[<!--#exec cmd="id -u; pwd; echo $QUERY_STRING; echo \'a b\'" -->] after',
        'other' => '[<!--#exec -->][<!--#exec what="x" -->]',
        'if' => '<!--#if expr="false" --><!--#exec cmd="echo no" --><!--#endif -->yes',
        'loud' => '<!--#exec cmd="echo it fails >&2; exit 1" -->after',
        'noexec/a' => '[<!--#exec cgi="/a.cgi" -->][<!--#exec cmd="id -u" -->][<!--#include virtual="/a.cgi" -->]',
    );
    $w->page('noexec/.htaccess', "Options IncludesNOEXEC\n", @of);
    $w->page("$_.shtml", $page{$_}, @of) for keys %page;
    return;
}

sub all {
    my ($mpm) = @_;
    my $w = Omakase::Cgi->new(mpm => $mpm);
    # The second customer may run commands.
    $w->{conf} .= '';
    my $host = \&Omakase::Cgi::_host;
    {
        no warnings 'redefine';
        local *Omakase::Cgi::_host = sub {
            my ($self, $n) = @_;
            my $text = $host->(@_);
            return $n ? $text =~ s/CGIWrapper on/CGIWrapper on\nCGIWrapperExecCmd on/r : $text;
        };
        $w->write_conf;
    }
    write_pages($w, $_) for 0, 1;
    $w->start;
    my ($uid) = $w->ids;
    is($w->get('/virtual.shtml')->{content}, "[script $uid q=1\n]", '#include virtual');
    is($w->get('/cgi.shtml?page=1')->{content}, "[script $uid page=1\n]", '#exec cgi: with the page\'s query');
    is($w->request('POST', '/cgi.shtml', 'x' x 10)->{content}, "[script $uid \n]", '#exec cgi, of a POST');
    like($w->get('/gone.shtml')->{content}, qr/\A\[$ERROR\]\[$ERROR\] after\z/, 'a script that fails: the page\'s error message');
    is(scalar(grep {m{^E12 /web/gone\.cgi: }} $w->errors), 2, '... and the code in the log');
    like($w->get('/half.shtml')->{content}, qr/\A\[(?:half\n)?$ERROR\] after\z/, 'one that is killed in the middle: the same');
    is($w->get('/to.shtml')->{content}, '[<a href="http://x.localhost/?a&amp;b">http://x.localhost/?a&amp;b</a>]',
        'one that redirects: a link');
    like($w->get('/nph.shtml')->{content}, qr/\A\[$ERROR\]\z/, 'nph- cannot be included');
    like($w->get('/none.shtml')->{content}, qr/\A\[$ERROR\]\[$ERROR\]\[$ERROR\]\z/, 'what is no script');
    like($w->get('/other.shtml')->{content}, qr/\A\[$ERROR\]\[$ERROR\]\z/, 'neither cgi nor cmd');
    is($w->get('/if.shtml')->{content}, 'yes', 'in a branch that is not taken: nothing');
    $w->forget_errors;
    like($w->get('/cmd.shtml')->{content}, qr/\A\[$ERROR\] after\z/, '#exec cmd is off');
    is(scalar(grep {m{^OMK0407: .*/web/cmd\.shtml: cmd: off; CGIWrapperExecCmd would allow it}} $w->errors), 1, '... and the log says so');
    my ($other) = $w->ids(1);
    is($w->get('/cmd.shtml?q=2', customer => 1)->{content}, "[$other\n" . $w->web(1) . "\nq=2\na b\n] after",
        'CGIWrapperExecCmd: as the customer, in the page\'s directory');
    is($w->get('/loud.shtml', customer => 1)->{content}, 'after', 'a command that fails says nothing to the visitor');
    is(scalar(grep {/: it fails$/} $w->errors(1)), 1, '... and its errors are in the customer\'s log');
    my $bare = qr/\A\[$ERROR\]\[$ERROR\]\[(?:script|$ERROR)/;
    for my $n (0, 1) {
        $w->forget_errors;
        like($w->get('/noexec/a.shtml', customer => $n)->{content}, $bare, 'IncludesNOEXEC: no #exec');
        is(scalar(grep {/OMK0407: .*IncludesNOEXEC forbids it/} $w->errors($n)), 2, '... and the log says so');
    }
    return;
}

# mod_cgi or mod_cgid in the same httpd: its scripts are still included.
sub beside {
    my ($mpm) = @_;
    my $cgi = $mpm eq 'prefork' ? 'cgi' : 'cgid';
    my $w = Omakase::Cgi->new(mpm => $mpm, customers => 1, modules => [$cgi]);
    my $web = $w->web;
    my $sock = $cgi eq 'cgid' ? "ScriptSock cgid.sock\n" : '';
    $w->{conf} = <<"END";
$sock<VirtualHost *:*>
    ServerName stock.localhost
    DocumentRoot "$web"
    <Directory "$web">
        <FilesMatch "\\.cgi\$">
            SetHandler cgi-script
        </FilesMatch>
    </Directory>
</VirtualHost>
END
    $w->write_conf;
    write_pages($w, 0);
    $w->start;
    my $httpd = $> ? $> : scalar getpwnam 'www-data';
    is(Omakase::Client::get($w->i, 'stock.localhost', '/a.cgi')->{content}, "script $httpd \n", "mod_$cgi runs what is its own");
    is(Omakase::Client::get($w->i, 'stock.localhost', '/cgi.shtml')->{content}, "[script $httpd \n]", '#exec cgi of it');
    my ($uid) = $w->ids;
    is($w->get('/a.cgi')->{content}, "script $uid \n", 'the wrapper has cgi-script where it is on');
    is($w->get('/cgi.shtml')->{content}, "[script $uid \n]", '#exec cgi of it');
    return;
}
