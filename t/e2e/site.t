#!/usr/bin/perl
# The sample sites: every link leads somewhere, SSI works, both customers are
# apart, and in a browser all images are there, the counter's digits too.
use v5.30;
use warnings;
use utf8;
use Encode qw(decode_utf8);
use JSON::PP qw(decode_json);
use Test::More;
use Omakase::Browser;
use Omakase::Client qw(get);
use Omakase::Instance;
use Omakase::SampleSite;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my $i = Omakase::Instance->new;
Omakase::SampleSite::install($i);
my $web = "$i->{root}/srv/ab-cdftp/web";
my ($www, $other) = map {"www.$_.localhost"} qw(example other);
my $counter = -e $i->layout('modules') . '/mod_counter.so';
my $index = -e $i->layout('modules') . '/mod_index_order.so';

# For the browser only: the page named in the query, in a frame, and then what
# became of its images.
$i->put('ab-cdftp', 'web/look.html', <<'HTML');
<!DOCTYPE html><meta charset="utf-8"><title>look</title>
<iframe id="f" width="1200" height="4000"></iframe><pre id="out"></pre>
<script>
const f = document.getElementById('f');
f.onload = () => {
  const images = [...f.contentDocument.images].map(i => ({src: i.getAttribute('src'),
    natural: [i.naturalWidth, i.naturalHeight], shown: [i.width, i.height]}));
  document.getElementById('out').textContent = JSON.stringify(images);
};
f.src = location.search.slice(1);
</script>
HTML
$i->start;

customers_are_apart();
my %seen = crawl($www, '/');
crawl($other, $index ? '/' : '/index.htm');
pages(\%seen);
index_order() if $index;
in_a_browser();
installed_once();
is(join('', $i->httpd->unexpected), '', 'nothing unexpected in the error logs');
done_testing;

sub customers_are_apart {
    my $one = get($i, $www, '/');
    is($one->{status}, 200, 'P1: www.example.localhost');
    is(get($i, 'example.localhost', '/')->{content}, $one->{content}, 'P1: example.localhost');
    like($one->{content}, qr/df=example\.localhost\|md=7\|dd=A\|st=1024/, "P46, P50: the customer's own tag");
    my $two = get($i, $other, '/index.htm');
    like($two->{content}, qr/df=other\.localhost\|/, "P1: the other customer has the other's tag");
    unlike($_->{content}, qr/\@DOMAIN\@/, 'no placeholder is left') for $one, $two;
    return;
}

# Follows every internal address from a page on; returns path => page.
sub crawl {
    my ($host, $start) = @_;
    my (%page, @todo);
    @todo = ([$start, 'the start']);
    while (my $t = shift @todo) {
        my ($path, $from) = @$t;
        my ($address, $fragment) = split /#/, $path, 2;
        next if $address =~ /Count\.cgi/ && !$counter;
        next if $address =~ m{./\z} && !$index && $address ne '/en/';
        if (!$page{$address}) {
            my $r = get($i, $host, $address, Referer => "http://$host$from");
            my $status = $address =~ /no-such-page/ ? 404 : 200;
            is($r->{status}, $status, "$host: $address, from $from: $status");
            $page{$address} = $r;
            next if $status != 200 || ($r->{headers}{'content-type'} // '') !~ m{^text/html};
            push @todo, map { [$_, $address] } links($host, $address, $r->{content});
        }
        like($page{$address}{content}, qr/\bid="\Q$fragment\E"/, "$host: $path is there")
            if defined $fragment;
    }
    return %page;
}

# The addresses in a page; none of them may lead out.
sub links {
    my ($host, $address, $html) = @_;
    my @all = $html =~ /\s(?:href|src)="([^"]*)"/g;
    my @out = grep { m{^(?:[a-z]+:)?//|^(?:https?|data|ftp):} } @all;
    is("@out", '', "$host: $address: all from this site");
    is("@{[grep { !m{^/|^mailto:} } @all]}", '', "$host: $address: all from the root");
    return grep {m{^/}} @all;
}

sub pages {
    my ($page) = @_;
    my %lang = ('/' => 'ja', '/en/' => 'en', '/news.shtml' => 'ja');
    for my $path (sort keys %lang) {
        ok($page->{$path}, "$path is linked") or next;
        like($page->{$path}{content}, qr/<html lang="$lang{$path}">/, "$path: in its language");
    }
    for my $path (sort grep { ($page->{$_}{headers}{'content-type'} // '') =~ /html/ } keys %$page) {
        unlike($page->{$path}{content}, qr/<!--#|\[an error|\(none\)/, "P11: $path: SSI is done");
    }
    my $news = decode_utf8(get($i, $www, '/news.shtml')->{content});
    my $year = 1900 + (localtime)[5];
    like($news, qr/いまは ${year}年\d\d月\d\d日 \d\d時\d\d分 です/, 'P11: the date by SSI');
    like($news, qr/このページは \d{4}年\d\d月\d\d日 \d\d時\d\d分 に/, "P11: the file's time by SSI");
    my $show = get($i, $www, '/counter/index.shtml')->{content};
    for my $design ('A' .. 'E') {
        for my $what ("df=example\\.localhost\\|md=7\\|dd=$design\\|st=1024", "display=clock\\|dd=$design",
            "display=date\\|dd=$design") {
            like($show, qr{<img src="/cgi-bin/Count\.cgi\?$what" width="\d+" height="\d+".*?<code>&lt;img src=&quot;/cgi-bin/Count\.cgi\?$what&quot;},
                "P48, P51, P52: design $design shown, with its tag: $what");
        }
    }
    return;
}

sub index_order {
    is(get($i, $www, $_->[0])->{content}, get($i, $www, $_->[1])->{content}, "P2: $_->[0] is $_->[1]")
        for ['/shop/', '/shop/home.shtml'], ['/en/', '/en/index.html'];
    is(get($i, $other, '/')->{content}, get($i, $other, '/index.htm')->{content}, 'P2: / is /index.htm');
    is(get($i, $www, '/img/')->{status}, 404, 'P3: /img/ has no index');
    return;
}

sub in_a_browser {
    SKIP: {
        my $browser = Omakase::Browser->find or skip 'no Chromium here', 1;
        my $at = "http://$www:" . $i->httpd->port;
        for my $path ('/', '/en/index.html', '/news.shtml', '/shop/home.shtml', '/counter/index.shtml') {
            my $page = $browser->dump_dom("$at/look.html?$path");
            my ($json) = $page->{dom} =~ m{<pre id="out">(.+)</pre>}s;
            ok($json, "Chromium loads $path") or next;
            my @images = @{decode_json($json =~ s/&amp;/&/gr)};
            ok(@images >= 2, "$path has images");
            images_are_there($path, @images);
            next if !$counter;
            is("@{[map { s/.*CONSOLE//r } @{$page->{console}}]}", '', "$path: nothing on the console");
        }
        skip 'mod_counter is not in this stage', 1 if !$counter;
        my $now = get($i, $www, '/cgi-bin/Count.cgi?df=example.localhost|format=json|incr=F',
            Referer => "$at/");
        is(eval { decode_json($now->{content})->{count} }, 1024,
            'P45, P49, P54: one visitor, many pages and images: counted once, from st');
    }
    return;
}

sub images_are_there {
    my ($path, @images) = @_;
    for my $image (@images) {
        my $is_counter = $image->{src} =~ /Count\.cgi/;
        next if $is_counter && !$counter;
        my ($natural, $shown) = map { join 'x', @$_ } @$image{qw(natural shown)};
        my $name = "$path: $image->{src}";
        isnt($natural, '0x0', ($is_counter ? 'P45: ' : '') . "$name is drawn");
        is($natural, $shown, "P48: $name has the size that its tag says")
            if $is_counter && $image->{src} !~ /format=svg/;
    }
    return;
}

# What a customer has changed or deleted stays so.
sub installed_once {
    $i->put('ab-cdftp', 'web/index.html', "mine\n");
    unlink "$web/style.css";
    my $again = Omakase::Instance->new(root => $i->root, stage => $i->{stage});
    Omakase::SampleSite::install($again);
    is(get($i, $www, '/')->{content}, "mine\n", 'installed again: an edited file stays');
    ok(!-e "$web/style.css", 'and a deleted one does not come back');
    ok(!-e "$web.new", 'nothing is left beside it');
    return;
}
