#!/usr/bin/perl
# The counter's directives: what an inner section has from an outer one, where a
# relative path leads, what is refused at the start; and a customer who aims the
# handler at addresses of his own.
use v5.30;
use warnings;
use File::Temp ();
use Test::More;
use Omakase::Client qw(get request);
use Omakase::Counter qw($CGI ask count instance tool until_true);

my $one = 'www.example.localhost';
merges();
customers_handler();
alone();
refused();
done_testing;

sub merges {
    my $i = instance(mpm => 'event', conf => <<'END');
CounterStore counter/relative
CounterReferer lenient
CounterDigits 2 12
CounterMaxPerCustomer 3
CounterReload on
CounterRefererAllow outer.example
CounterIgnore 127.0.0.9
<VirtualHost *:*>
    ServerName inherits.example
</VirtualHost>
<VirtualHost *:*>
    ServerName own.example
    CounterReferer strict
    CounterDigits 5 6
    CounterMaxPerCustomer 1
    CounterReload off
    CounterRefererAllow inner.example
    CounterIgnore 127.0.0.8
</VirtualHost>
<VirtualHost *:*>
    ServerName first.example
    CounterCustomer both
    CounterDigits 3 3
</VirtualHost>
<VirtualHost *:*>
    ServerName second.example
    CounterCustomer both
</VirtualHost>
END
    $i->start;
    my $store = $i->root . '/var/counter/relative';
    ok((until_true { -f $store }) && !-e $i->root . '/var/counter/counters', 'CounterStore: relative to ServerRoot, the later one holds');
    my $told = sub {
        my ($host, $more, %o) = @_;
        return ask($i, "df=$host|format=text$more", host => $host, %o);
    };
    my @cases = (
        # what, host, more of the query, more of the request, inherits, own
        ['CounterDigits', '|md=2', [], '200 01', '400 md must be 5 to 6'],
        ['CounterReload', '|md=5', [from => '127.0.0.1'], '200 00002', '200 00001'],
        ['CounterReload, again', '|md=5', [from => '127.0.0.1'], '200 00003', '200 00001'],
        ['CounterReferer', '|md=5', [Referer => '', from => '127.0.0.2'], '200 00004', '403 Referer is not a page of this site'],
        ['CounterRefererAllow of the outer', '|md=5', [Referer => 'http://outer.example/', from => '127.0.0.3'],
            '200 00005', '200 00002'],
        ['CounterRefererAllow of the inner', '|md=5', [Referer => 'http://inner.example/', from => '127.0.0.4'],
            '403 Referer is not a page of this site', '200 00003'],
        ['CounterIgnore of the outer', '|md=5', [from => '127.0.0.9'], '200 00005', '200 00004'],
        ['CounterIgnore of the inner', '|md=5', [from => '127.0.0.8'], '200 00006', '200 00004'],
    );
    for (@cases) {
        my ($what, $more, $o, $inherited, $own) = @$_;
        is($told->('inherits.example', $more, @$o), $inherited, "$what: inherited");
        is($told->('own.example', $more, @$o), $own, "$what: its own");
    }
    is(ask($i, 'df=inherits.example/a|format=text|md=2', host => 'inherits.example'), '200 01', 'CounterMaxPerCustomer: inherited');
    like(ask($i, 'df=own.example/a|format=text', host => 'own.example'), qr/^400 /, 'CounterMaxPerCustomer: its own');
    is($told->('first.example', '|md=3', from => '127.0.0.1'), '200 001', 'CounterCustomer: one counter');
    is($told->('second.example', '|md=2', from => '127.0.0.2'), '200 02', 'of both hosts, each with its own CounterDigits');
    like($told->('inherits.example', '', host => 'inherits.example') =~ s/^200/ok/r, qr/^ok 0+7$/, 'a host without CounterCustomer is its own customer');
    is((tool('verify', $store))[0], 0, 'the store is whole');
    is(join('', $i->httpd->unexpected), '', 'nothing unexpected in the error logs');
    return;
}

# AllowOverride FileInfo lets a customer set handlers: he reaches his own
# counter, at addresses of his own, and nothing else.
sub customers_handler {
    my $i = instance(mpm => 'event');
    $i->put('ab-cdftp', 'web/files/.htaccess', <<'END');
<Files "n.gif">
    SetHandler omakase-counter
</Files>
<Files "absent.gif">
    SetHandler omakase-counter
</Files>
AddHandler omakase-counter .cnt
Redirect 302 "/files/away" "/cgi-bin/Count.cgi?df=www.other.localhost&format=text"
END
    $i->put('ab-cdftp', 'web/files/n.gif', 'bytes');
    $i->put('ab-cdftp', 'web/files/a.cnt', 'bytes');
    $i->put('ab-cdftp', 'web/files/plain.txt', 'plain');
    $i->put('ab-cdftp', 'web/all/.htaccess', "SetHandler omakase-counter\nDirectoryIndex index.html\n");
    $i->put('ab-cdftp', 'web/all/index.html', 'page');
    $i->put('ab-cdftp', 'web/cgi-bin/.htaccess', "SetHandler default-handler\nRequire all denied\n");
    $i->put('ab-cdftp', 'web/expr/.htaccess', qq{SetHandler "%{tolower:OMAKASE-COUNTER}"\n});
    $i->put('ab-cdftp', 'web/expr/x', 'bytes');
    $i->put('cdftp', 'web/.htaccess', qq{RewriteEngine On\nRewriteRule ^w\$ - [H=omakase-counter]\n});
    $i->put('cdftp', 'web/w', 'bytes');
    $i->start;
    my $n = 0;
    for my $path ('/files/n.gif', '/files/absent.gif', '/files/a.cnt', '/all/', '/all/index.html', '/all/x/y', '/expr/x') {
        $n++;
        is(at($i, $one, $path, "df=$one", "127.0.1.$n"), sprintf('200 %06d', $n), "$path: his own counter");
        is(at($i, $one, $path, 'df=www.other.localhost', "127.0.2.$n"), '400 df is not served here',
            "$path: not somebody else's") or diag(at($i, $one, $path, 'df=www.other.localhost'));
        is(request($i, 'POST', $one, "$path?df=$one", 'x' x 5000)->{status}, 405, "$path: POST");
        is(at($i, $one, $path, "df=$one", "127.0.3.$n", Referer => 'http://evil.example/'),
            '403 Referer is not a page of this site', "$path: the Referer is checked there too");
    }
    is(at($i, 'www.other.localhost', '/w', 'df=www.other.localhost', '127.0.1.1'), '200 000001', 'the other one has his');
    is(count($i, $one), $n, 'each has counted once');
    is(get($i, $one, '/files/plain.txt')->{content}, 'plain', 'other files are as they were');
    is(at($i, $one, $CGI, "df=$one", '127.0.4.1'), sprintf('200 %06d', $n + 1),
        "the operator's URL is not the customer's to change");
    is(join('', $i->httpd->unexpected(qr/AH01630/)), '', 'nothing unexpected in the error logs');
    return;
}

sub at {
    my ($i, $host, $path, $query, $from, %headers) = @_;
    my $r = get($i, $host, "$path?$query&format=text", Referer => "http://$host/", from => $from, %headers);
    return "$r->{status} $r->{content}" =~ s/\n\z//r;
}

# Loaded, and not configured: nothing is different, and a handler that a customer
# aims at it says to the operator what is missing.
sub alone {
    my $dir = File::Temp->newdir('omakase-confd-XXXXXX', TMPDIR => 1);
    chmod 0755, "$dir";
    my $i = instance(mpm => 'event', confd => "$dir");
    system('cp', '-R', $i->layout('confd') . '/httpd', "$dir") == 0 or die 'cp failed';
    open my $fh, '>', "$dir/httpd/counter.conf" or die "counter.conf: $!";
    close $fh;
    $i->put('ab-cdftp', 'web/index.html', 'home');
    $i->put('ab-cdftp', 'web/h/.htaccess', "SetHandler omakase-counter\n");
    $i->put('ab-cdftp', 'web/h/x', 'bytes');
    $i->start;
    is(get($i, $one, '/index.html')->{content}, 'home', 'without directives: pages are served');
    is(get($i, $one, "$CGI?df=$one", Referer => "http://$one/")->{status}, 404, 'and Count.cgi is not there');
    is(get($i, $one, "/h/x?df=$one")->{status}, 500, 'its handler without a store: 500');
    ok(!-e $i->root . '/var/counter/counters', 'no store is made');
    like($i->httpd->tail($i->{sites}[0]{tree} . '/log/error.log', 1), qr/OMK0107: counter: SetHandler omakase-counter without a CounterStore/,
        'and the log says why');
    is(join('', $i->httpd->unexpected(qr/OMK0107/)), '', 'nothing unexpected in the error logs');
    return;
}

# What httpd does not start with: [configuration, what it says].
sub refused {
    my @cases = (
        ["<VirtualHost *:*>\nServerName a.example\nCounterCustomer one\n</VirtualHost>\n"
            . "<VirtualHost *:*>\nServerName b.example\nServerAlias a.example\nCounterCustomer two\n</VirtualHost>",
            qr/OMK0101: counter: .*50-extra\.conf:5: 'a\.example': .*one.*two|OMK0101: counter: .*'a\.example': .*two.*one/],
        ["<VirtualHost *:*>\nServerName a.example\nCounterCustomer ../etc\n</VirtualHost>", qr{OMK0101: counter: .*'\.\./etc': }],
        ["<VirtualHost *:*>\nServerName a.example\nCounterRefererAllow bad/host\n</VirtualHost>", qr{OMK0101: counter: .*'bad/host': }],
    );
    for (@cases) {
        my ($conf, $says) = @$_;
        my $i = instance(mpm => 'event', conf => "$conf\n");
        my $ok = eval { $i->start; 1 };
        ok(!$ok, 'does not start') or next;
        like($@, $says, 'and says where and why');
    }
    return;
}
