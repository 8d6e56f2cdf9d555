#!/usr/bin/perl
# P42: the programs that customers were promised work from a script of theirs,
# which httpd runs as the customer. The sample site's form mailer puts a message
# into the queue; where Postfix runs it would be delivered, so there it is only
# handed over.
use v5.30;
use warnings;
use File::Copy qw(copy);
use MIME::Base64 qw(decode_base64);
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::Client qw(request);
use Omakase::Provision;

plan skip_all => 'needs root' if $>;
my $n = Omakase::Provision->new;
plan skip_all => 'no mod_cgi_wrapper in this stage' if !-e "$n->{layout}{modules}/mod_cgi_wrapper.so";
my $login = $n->login;
$n->customers_d("$login.conf", qq(domain "programs.localhost" {}\n));
for my $command (['apply'], ['start', 'httpd']) {
    my ($code, undef, $err) = $n->omakase(@$command);
    is($code, 0, "@$command") or BAIL_OUT($err);
}
my ($uid, $gid) = (getpwnam $login)[2, 3];
my $web = $n->root . "/srv/omakase/$login/web";

programs();
mailer();
done_testing;

# A script of the customer's.
sub script {
    my ($name, $text) = @_;
    my $file = $n->put("srv/omakase/$login/web/$name", $text);
    chown $uid, $gid, $file;
    chmod 0755, $file;
    return;
}

sub programs {
    my $sh = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n";
    # program, what a script does with it, what comes out
    my @cases = (
        ['/usr/bin/perl', q{/usr/bin/perl -MPOSIX=getuid -e 'print getuid, "\n"'}, qr/\A$uid\n\z/],
        ['/usr/bin/php', q{/usr/bin/php -r 'echo posix_getuid(), " ", PHP_SAPI, "\n";'}, qr/\A$uid cli\n\z/],
        ['/usr/bin/nkf', q{printf '\343\201\202' | /usr/bin/nkf -W -j | od -An -tx1}, qr/\A 1b 24 42 24 22 1b 28 42\n\z/],
        ['/usr/bin/htpasswd', q{/usr/bin/htpasswd -nbB taro himitsu}, qr/\Ataro:\$2y\$05\$[.\/A-Za-z0-9]{53}\n/],
        ['/usr/bin/uuencode', q{echo tea | /usr/bin/uuencode tea.txt}, qr/\Abegin 644 tea\.txt\n\$=&5A"@[^\n]*\n`\nend\n\z/],
        ['/usr/bin/uudecode', q{echo tea | /usr/bin/uuencode tea.txt | /usr/bin/uudecode -o /dev/stdout}, qr/\Atea\n\z/],
    );
    for (@cases) {
        my ($program, $line, $expected) = @$_;
        SKIP: {
            skip "$program is not here (see omakase check)", 2 if !-x $program;
            script('run.cgi', "$sh$line\n");
            my $r = $n->get('programs.localhost', '/run.cgi');
            is($r->{status}, 200, "P42: $program from a script");
            like($r->{content}, $expected, 'does its work');
        }
    }
    return;
}

sub queue { (qx(/usr/sbin/postconf -h queue_directory 2>/dev/null) =~ s/\n//r) || '/nonexistent' }

# The message of the queue that has the word, if it is there.
sub queued {
    my ($word) = @_;
    for my $file (map { glob queue() . "/$_/*" } qw(maildrop incoming)) {
        open my $fh, '<:raw', $file or next;
        my $text = do { local $/; <$fh> } // '';
        return ($file, $text) if index($text, $word) >= 0;
    }
    return;
}

# The message's lines: a queue file is records of a type, a length and text.
sub lines_of {
    my ($bytes) = @_;
    my ($at, @lines) = (0);
    while ($at < length $bytes) {
        my $type = substr $bytes, $at++, 1;
        my ($length, $shift, $byte) = (0, 0);
        do {
            $byte = ord substr $bytes, $at++, 1;
            $length |= ($byte & 127) << $shift;
            $shift += 7;
        } while $byte & 128;
        push @lines, substr $bytes, $at, $length if $type eq 'N';
        $at += $length;
    }
    return join "\n", @lines;
}

sub mailer {
    SKIP: {
        skip 'no sendmail here', 1 if !-x '/usr/sbin/sendmail';
        skip "this sendmail is not Postfix's", 1 if !-d queue() . '/maildrop';
        skip 'Postfix runs here: it would deliver', 1 if -s queue() . '/pid/master.pid' && qx(/usr/sbin/postfix status 2>&1; echo \$?) =~ /^0$/m;
        copy("$n->{layout}{share}/site/contact.cgi", "$web/contact.cgi") or die $!;
        chown $uid, $gid, "$web/contact.cgi";
        chmod 0755, "$web/contact.cgi";
        form();
    }
    return;
}

sub post {
    my ($form) = @_;
    my $body = join '&', map { "$_=" . ($form->{$_} =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger) } sort keys %$form;
    return request($n, 'POST', 'programs.localhost', '/contact.cgi', $body,
        'Content-Type' => 'application/x-www-form-urlencoded');
}

sub form {
    my $address = "visitor-$$-" . int(rand 1e9) . '@example.invalid';
    my $r = $n->get('programs.localhost', '/contact.cgi?lang=en');
    is($r->{status}, 200, 'the form');
    like($r->{content}, qr{as the user <code>$login</code>}, 'as the customer');
    is(post({words => ''})->{status}, 422, 'nothing written');
    is(post({words => 'x', mail => "a\@b.jp\nBcc: c\@d.jp"})->{status}, 422, 'no header of theirs');
    is(post({words => 'x' x 1001})->{status}, 422, 'too much');

    is(post({name => "\xe5\xb1\xb1\xe7\x94\xb0", mail => $address, words => "\xe3\x81\x8a\xe8\x8c\xb6 <tea>"})->{status}, 303,
        'P42: a form mailer hands a message to sendmail');
    my ($file, $text) = queued($address);
    ok($file, "it is in Postfix's queue") or return;
    my $owner = (stat $file)[4];
    ok(unlink($file), 'taken out again');
    is($owner, $uid, "the customer's");
    my ($header, $body) = split /\n\n/, lines_of($text), 2;
    like($header, qr/^From: \Q$login\E$/m, 'from the customer');
    like($header, qr/^Reply-To: \Q$address\E$/m, 'with the address to answer to');
    is(decode_base64($body // ''), "\xe3\x81\x8a\xe8\x8c\xb6 <tea>\n\n-- \n\xe5\xb1\xb1\xe7\x94\xb0\n$address\n", 'as it was written');
    return;
}
