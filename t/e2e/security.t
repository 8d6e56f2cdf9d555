#!/usr/bin/perl
# What a customer's .htaccess, links and SSI pages cannot do, and what they can:
# conf.d as an operator gets it, with two customers under two real uids.
use v5.30;
use warnings;
use Test::More;
use Omakase::Client qw(get request);
use Omakase::Instance;

my ($one, $two) = (64990, 64991); # of nobody else's; no entry in passwd is needed
my ($www, $other) = map {"www.$_.localhost"} qw(example other);
my $i = Omakase::Instance->new;
my %tree = (
    'ab-cdftp' => $i->site('ab-cdftp', 'example.localhost', php => 0),
    cdftp => $i->site('cdftp', 'other.localhost'),
);
my $web = "$tree{'ab-cdftp'}/web";
my $ran = "$i->{root}/var/counter/ran"; # where httpd's user may write
# Its output, ran42, stands nowhere in it.
my $script = "#!/bin/sh\ntouch $ran\nprintf 'Content-Type: text/plain\\n\\n'\necho ran\$((40 + 2))\n";

# Directory => its .htaccess. In each lie a script and an SSI page that tries
# to run it in all of SSI's ways.
my %lifting = (
    includes => "Options +Includes\n", all => "Options All\n", only => "Options Includes\n", 'exec-cgi' => "Options +ExecCGI\n",
    filter => "SetOutputFilter INCLUDES\n", 'filter-all' => "Options +Includes\nAddOutputFilter INCLUDES .shtml .cgi .html\n",
    handler => "AddHandler cgi-script .cgi .shtml\n", set => "SetHandler cgi-script\n",
    type => "AddType application/x-httpd-cgi .cgi\n", 'server-parsed' => "AddHandler server-parsed .shtml .html\nXBitHack full\n",
    action => "Action omk /x.cgi virtual\nSetHandler omk\n", cgid => "ScriptSock /tmp/x\n", rewrite =>
        "RewriteEngine On\nRewriteRule ^x\\.cgi\$ - [H=cgi-script]\nRewriteRule ^s\\.shtml\$ - [T=application/x-httpd-cgi]\n",
    'if' => qq{<If "true">\nOptions +Includes +ExecCGI\nSetHandler cgi-script\n</If>\n},
    files => qq{<Files "*">\nOptions +Includes\n</Files>\n}, plain => '',
);
my $page = join "\n", 'begin', '<!--#exec cmd="touch ' . $ran . '; echo ran$((40 + 2))" -->', '<!--#exec cgi="x.cgi" -->',
    '<!--#include virtual="x.cgi" -->', '<!--#include file="x.cgi" -->', 'end', '';
for my $name (sort keys %lifting) {
    $i->put('ab-cdftp', "web/$name/.htaccess", $lifting{$name}) if length $lifting{$name};
    $i->put('ab-cdftp', "web/$name/x.cgi", $script, 0755);
    $i->put('ab-cdftp', "web/$name/s.shtml", $page, 0755);
}
$i->put('cdftp', 'web/config.php', "password\n");
$i->put('cdftp', 'web/index.html', "theirs\n");
$i->put('ab-cdftp', 'web/.htaccess', "# mine: nothing\n");
$i->put('ab-cdftp', 'web/.htpasswd', "u:secret\n");
$i->put('ab-cdftp', 'web/.ftpaccess', "AllowUser secret\n");
$i->put('ab-cdftp', 'web/sub/.ftpaccess', "AllowUser secret\n");
$i->put('ab-cdftp', 'web/mine.html', "mine\n");
$i->put('ab-cdftp', 'web/list/.htaccess', "Options +Indexes\n");
$i->put('ab-cdftp', 'web/list/seen.txt', "x\n");
$i->put('ab-cdftp', 'web/nolist/seen.txt', "x\n");
$i->put('ab-cdftp', 'web/own/.htaccess', "ErrorDocument 404 /own/gone.html\n");
$i->put('ab-cdftp', 'web/own/gone.html', "own words\n");
$i->put('ab-cdftp', 'web/part.html', "part\n");
$i->put('ab-cdftp', 'web/inc.shtml', qq{<!--#include virtual="/part.html" -->});
links();
$i->start;

nothing_runs();
link_rules();
files_of_access();
sources_stay_closed();
what_customers_can();
methods();
my @odd = $i->httpd->unexpected(qr/AH00037|AH01797|AH01630|AH01276|AH0137[123]|AH01374|not allowed here|Invalid command|unable to include|unknown directive|unexecutable|OMK\d{4}|AH00026|AH00682/i);
is("@odd", '', 'nothing unexpected in the error logs');
done_testing;

sub links {
    my %link = ('link/own.html' => "$web/mine.html", 'link/passwd.txt' => '/etc/passwd',
        'link/theirs.txt' => "$tree{cdftp}/web/config.php", 'link/tree' => "$tree{cdftp}/web",
        'link/root' => '/', 'link/httpd.conf' => "$i->{root}/etc/httpd.conf", 'link/relative.html' => '../mine.html');
    my %follow = (follow => "Options +FollowSymLinks\n", 'follow-only' => "Options FollowSymLinks\n",
        nomatch => "Options -SymLinksIfOwnerMatch\n");
    $i->put('ab-cdftp', "web/$_/.htaccess", $follow{$_}) for keys %follow;
    mkdir "$web/link";
    symlink $link{$_}, "$web/$_" or die "$_: $!" for keys %link;
    for my $name (keys %follow) {
        symlink '/etc/passwd', "$web/$name/passwd.txt" or die "$name: $!";
        symlink "$tree{cdftp}/web/config.php", "$web/$name/theirs.txt" or die "$name: $!";
    }
    # As root: each customer's things are the customer's, links as well.
    system('chown', '-hR', "$one:$one", $web) == 0 && system('chown', '-hR', "$two:$two", "$tree{cdftp}/web") == 0
        or die "chown failed\n" if !$>;
    return;
}

sub nothing_runs {
    my $cgi = request_module_list();
    unlike($cgi, qr/\bcgid?_module/, 'mod_cgi and mod_cgid are not loaded');
    like($cgi, qr/include_module/, '(and the list is one)');
    for my $name (sort keys %lifting) {
        for my $file (qw(s.shtml x.cgi)) {
            my $r = get($i, $www, "/$name/$file");
            unlike($r->{content}, qr/ran42/, "P11: $name: $file runs nothing ($r->{status})");
        }
        ok(!-e $ran, "P11: $name: nothing has run") or unlink $ran;
    }
    my $refused = log_of('ab-cdftp');
    for my $name (qw(includes all only exec-cgi filter-all if files)) {
        my $r = get($i, $www, "/$name/s.shtml");
        is($r->{status}, 500, "P7, P11: Options in $name/.htaccess is refused: 500");
    }
    like($refused, qr{/includes/\.htaccess: Option Includes not allowed here}, 'and the log names file and option');
    like($refused, qr{/exec-cgi/\.htaccess: Option ExecCGI not allowed here}, 'ExecCGI too');
    like(get($i, $www, '/plain/s.shtml')->{content}, qr/\Abegin\n\[an error.*end\n\z/s, 'P11: SSI itself works there');
    return;
}

sub request_module_list {
    my @c = map { quotemeta } $i->httpd->command('-M');
    return scalar qx{@c 2>&1};
}

sub link_rules {
    is(get($i, $www, "/link/$_")->{content}, "mine\n", "a link to one's own file: $_") for qw(own.html relative.html);
    SKIP: {
        skip 'all files are the same user\'s: only as root', 14 if $>;
        is(get($i, $www, "/link/$_")->{status}, 403, "a link to another's: $_: 403")
            for qw(passwd.txt theirs.txt tree/config.php tree/ root/etc/passwd httpd.conf);
        for my $name (qw(follow follow-only nomatch)) {
            for my $file (qw(passwd.txt theirs.txt)) {
                my $r = get($i, $www, "/$name/$file");
                like($r->{status}, qr/\A(?:403|500)\z/, "$name: $file is not followed ($r->{status})");
                unlike($r->{content}, qr/password|root:/, "$name: $file: nothing of it is seen");
            }
        }
        like(log_of('ab-cdftp'), qr{/follow/\.htaccess: Option FollowSymLinks not allowed here},
            'the log names file and option');
        like(log_of('ab-cdftp'), qr/AH00037.*passwd\.txt/, "the log names the link");
    }
    return;
}

sub files_of_access {
    for my $file ('/.htaccess', '/.htpasswd', '/.ftpaccess', '/sub/.ftpaccess', '/%2ehtaccess', '/.htaccess/', '/.ftpaccess?x') {
        my $r = get($i, $www, $file);
        is($r->{status}, 403, "$file is not served");
        unlike($r->{content}, qr/secret|mine: nothing/, "$file: not a word of it");
    }
    return;
}

# No wrapper, no pool: nothing runs, and nothing is shown.
sub sources_stay_closed {
    $i->put('ab-cdftp', "web/src/x.$_", "#!/bin/sh\n# secret\n", 0755) for qw(cgi pl php);
    for my $ext (qw(cgi pl php)) {
        my $r = get($i, $www, "/src/x.$ext");
        is($r->{status}, 403, "the source of x.$ext is not shown");
        unlike($r->{content}, qr/secret/, "x.$ext: not a word of it");
        is(get($i, $www, "/src/y.$ext")->{status}, 404, "P6: y.$ext is not there: 404");
    }
    return;
}

sub what_customers_can {
    my $list = get($i, $www, '/list/');
    is($list->{status}, 200, 'P3: Options +Indexes lists');
    like($list->{content}, qr/seen\.txt/, 'P3: with the files');
    unlike($list->{content}, qr/\.htaccess/, 'and without .htaccess');
    unlike(get($i, $www, '/nolist/')->{content}, qr/seen\.txt/, 'P3: without it nothing is listed');
    my $gone = get($i, $www, '/own/nosuch');
    is("$gone->{status} $gone->{content}", "404 own words\n", 'P6: ErrorDocument of the customer');
    is(get($i, $www, '/inc.shtml')->{content}, "part\n", 'P11: SSI includes a page');
    return;
}

sub methods {
    my $r = request($i, 'TRACE', $www, '/mine.html', undef, 'X-Secret' => 'abc');
    is($r->{status}, 405, 'TRACE is off');
    unlike($r->{content}, qr/abc/, 'and sends nothing back');
    $i->put('ab-cdftp', 'web/mine.html', "mine\n");
    request($i, $_, $www, '/mine.html', 'changed') for qw(PUT DELETE PATCH);
    is(get($i, $www, '/mine.html')->{content}, "mine\n", 'PUT, DELETE and PATCH change nothing');
    my $server = get($i, $www, '/nosuch')->{headers}{server};
    is($server, 'Apache', 'Server names no version');
    return;
}

sub log_of {
    my ($login) = @_;
    open my $fh, '<', "$tree{$login}/log/error.log" or die "$login: $!";
    local $/;
    return <$fh> // '';
}
