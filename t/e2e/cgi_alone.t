#!/usr/bin/perl
# mod_cgi_wrapper in an Apache that has no directive of it: mod_cgi goes on as it
# was, no daemon is started (stock.t compares all other answers).
use v5.30;
use warnings;
use Test::More;
use Omakase::Cgi qw(until_true);
use Omakase::Instance;

Omakase::Cgi->needs;
my $so = Omakase::Instance->new(daemons => [])->layout('modules') . '/mod_cgi_wrapper.so';
for ([prefork => 'cgi'], [event => 'cgid'], [worker => 'cgid']) {
    my ($mpm, $cgi) = @$_;
    my @answers = map { answers($mpm, $cgi, $_) } '', qq{LoadModule cgi_wrapper_module "$so"\n};
    is_deeply($answers[1], $answers[0], "$mpm: the same answers with mod_cgi_wrapper as without");
    is($answers[0]{'/a.cgi'}, "200 ran \n", "$mpm: mod_$cgi answers");
    like($answers[0]{'/page.shtml'}, qr/\A200 \[ran \n\]\[cmd\n\]\z/, "$mpm: and runs what pages say");
}
done_testing;

sub answers {
    my ($mpm, $cgi, $load) = @_;
    my $w = Omakase::Cgi->new(mpm => $mpm, customers => 1, load => 0, ours => $load, modules => [$cgi],
        conf => ($cgi eq 'cgid' ? "ScriptSock cgid.sock\n" : '')
            . "<FilesMatch \"\\.cgi\$\">\nSetHandler cgi-script\n</FilesMatch>\n");
    $w->script('a.cgi', "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo \"ran \$QUERY_STRING\"\n");
    $w->script('bad.cgi', "#!/bin/sh\nexit 1\n");
    $w->script('off.cgi', "#!/bin/sh\n", mode => 0644);
    $w->page('page.shtml', '[<!--#exec cgi="/a.cgi" -->][<!--#exec cmd="echo cmd" -->]');
    $w->start;
    my %a = map { my $r = $w->get($_); ($_ => "$r->{status} $r->{content}") } qw(/a.cgi /a.cgi?q /bad.cgi /off.cgi /page.shtml /none.cgi);
    is_deeply([$w->daemons], [], "$mpm: no daemon") if $load;
    unlike($w->httpd->log_text, qr/OMK04/, "$mpm: nothing of ours in the log");
    ok($w->stop, "$mpm: stops");
    return \%a;
}
