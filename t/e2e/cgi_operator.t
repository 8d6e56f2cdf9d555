#!/usr/bin/perl
# CGI as the operator declares it: what stands in a customer's virtual host, by
# omakase.conf and by the customer's own file.
use v5.30;
use warnings;
use Test::More;
use Omakase::Provision;

my $n = Omakase::Provision->new;
my @login = sort map { $n->login } 1 .. 4;
my ($all, $own, $off, $gone) = @login;
my ($user, $group) = $> ? (scalar getpwuid $>, scalar getgrgid $)) : ();

$n->customers_d("$all.conf", qq(domain "all.localhost" {}\ndomain "more.localhost" { docroot = "web/more" }\n));
$n->customers_d("$own.conf", <<'END');
domain "own.localhost" {}
ssi = off
cgi_options { cpu = 0 memory = "1G" strict = on symlinks = off unsafe_inc = on
              diagnostics = {"192.0.2.7", "2001:db8::/32"} }
END
$n->customers_d("$off.conf", qq(domain "off.localhost" {}\ncgi = off\n));
$n->customers_d("$gone.conf", qq(domain "gone.localhost" {}\nsuspended = on\n));
$n->conf(qq(cgi { wall = 200 processes = 20 }\n));
my ($code, undef, $err) = $n->omakase('apply');
is($code, 0, 'applied') or BAIL_OUT($err);

my $text = conf($all);
my @use = $text =~ /^    (Use OmakaseCGI .*)$/mg;
my $who = sub { join ' ', $user // $_[0], $group // $_[0] };
is($use[0], sprintf('Use OmakaseCGI "%s/srv/omakase/%s" %s "cpu=30 wall=200 memory=268435456 processes=20 '
    . 'concurrent=10 output=1073741824"', $n->root, $all, $who->($all)),
    'P40, P43: whom scripts run as, and the limits of omakase.conf');
is(@use, 2, 'in each virtual host');
like($text, qr/Use OmakaseSSI .*\n    Use OmakaseCGI .*\n    Use OmakaseSSIExec "/, 'SSI may run scripts');
unlike($text, qr/CGIWrapper/, 'and nothing else');

$text = conf($own);
like($text, qr/"cpu=0 wall=200 memory=1073741824 /, "a customer's own");
like($text, qr/^        CGIWrapper$_$/m, $_)
    for 'Strict on', 'Symlinks off', 'PerlUnsafeInc on', 'Diagnostics 192\.0\.2\.7 2001:db8::/32';
unlike($text, qr/OmakaseSSI/, 'without SSI no scripts in pages');
unlike(conf($off), qr/OmakaseCGI|CGIWrapper|SSIExec/, 'cgi = off');
unlike(conf($gone), qr/OmakaseCGI|CGIWrapper|SSIExec/, 'a suspended customer');

($code, my $out) = $n->omakase('customer', 'show', $own);
like($out, qr/^cgi +cpu 0 s, wall 200 s, memory 1G, 20 processes, 10 at once, output 1G/m, 'customer show');
my ($entry) = $n->slurp('var/lib/omakase/current/httpd.conf') =~ /^Define OMAKASE_CGI_NAME "(.*)"$/m;
like($entry, qr/\Aomakase-[0-9a-f]{12}\z/, 'a cgroup of this root alone');
($code, $out) = $n->omakase('plan');
is($out, '', 'a second plan prints nothing');

my @st = stat $n->root . '/var/lib/omakase/cgi';
is(sprintf('%04o %s', $st[2] & 07777, $> ? '' : scalar getgrgid $st[5]), $> ? '0750 ' : '0750 www-data',
    'the list of what is disabled: for httpd to read, for nobody to write');

done_testing;

sub conf {
    my ($login) = @_;
    return $n->slurp("var/lib/omakase/current/httpd/$login.conf") // '';
}
