#!/usr/bin/perl
# mod_index_order beside stock mod_dir, case by case: three httpds serve the
# same tree, and each request goes to all of them.
#
#   dir    stock httpd, mod_dir with DirectoryIndex LIST: the oracle
#   own    the same with mod_index_order and IndexOrder LIST
#   idle   the same as dir, with mod_index_order loaded and nothing said
#
# Answer (status, headers, body) and access log (address, file, handler, user,
# status) must be those of dir. Where the manual wants another answer the case
# says which. Then: what directives mean, without mod_dir, and conf.d itself.
use v5.30;
use warnings;
use File::Path qw(make_path);
use File::Temp ();
use POSIX ();
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use Omakase::Client qw(get request);
use Omakase::Instance;

my @MANUAL = qw(index.html index.htm index.shtml home.html home.shtml default.html);
my $LIST = "@MANUAL";
my $tmp = File::Temp->newdir('omakase-test-XXXXXX', TMPDIR => 1);
chmod 0755, "$tmp";
my $web = "$tmp/web";
my $out = "$tmp/out"; # beside the tree, reached by Alias
make_path($web, $out, map {"$tmp/conf-$_/httpd"} qw(dir own idle bare));

my @cases;
build_tree();
for my $mpm (qw(event worker prefork)) {
    beside_mod_dir($mpm);
}
sees_changes_at_once();
sees_changes_of_settled_directories();
directives();
without_mod_dir();
refused_configurations();
modules_of_others();
product();
man_page();
memory_is_flat();
done_testing;

# --- three httpds ------------------------------------------------------------

sub file {
    my ($path, $text, $mode) = @_;
    my $file = $path =~ m{\A/} ? $path : "$web/$path";
    make_path($file =~ s{/[^/]*\z}{}r);
    open my $fh, '>:raw', $file or die "$file: $!";
    print {$fh} $text // "$path\n";
    close $fh or die "$file: $!";
    chmod $mode // 0644, $file;
    utime 1_700_000_000, 1_700_000_000, $file;
    return;
}

# A stock httpd's configuration; $top is said at the server's level.
sub conf {
    my ($mpm, $top, %o) = @_;
    my $cgi = $mpm eq 'prefork' ? 'cgi' : 'cgid';
    my @modules = ("mpm_$mpm", qw(authn_core authn_file authz_core authz_host
        authz_user access_compat auth_basic alias autoindex actions env expires
        headers include log_config mime negotiation proxy proxy_http rewrite
        setenvif status), $cgi, $o{no_dir} ? () : 'dir');
    push @modules, @{$o{modules} // []};
    my $load = join '', map {qq{<IfModule !${_}_module>\nLoadModule ${_}_module "\${HTTPD_MODULES}/mod_$_.so"\n</IfModule>\n}}
        @modules;
    $load .= qq{LoadModule index_order_module "\${OMAKASE_MODULES}/mod_index_order.so"\nLogLevel index_order:trace1\n}
        if $o{module};
    my $sock = $cgi eq 'cgid' ? 'ScriptSock "${OMAKASE_ROOT}/run/cgi.sock"' : '';
    my $own = $top =~ /IndexOrder/ ? 'Define OWN' : '';
    my $hosts = $o{hosts} // hosts();
    return <<"CONF";
ServerRoot "\${OMAKASE_ROOT}"
DefaultRuntimeDir "\${OMAKASE_ROOT}/run"
PidFile "\${OMAKASE_ROOT}/run/httpd.pid"
ServerName localhost
ErrorLog "\${OMAKASE_ROOT}/log/httpd-error.log"
LogLevel warn
$load
<IfDefine OMAKASE_USER>
User \${OMAKASE_USER}
Group \${OMAKASE_GROUP}
</IfDefine>
$sock
$own
StartServers 1
KeepAlive On
TypesConfig /etc/mime.types
ServerAdmin nobody\@localhost
LogFormat "%m %U %q %f %R %u %s %>s %{Location}o %{REDIRECT_URL}e" case
CustomLog "\${OMAKASE_ROOT}/log/case.log" case
<Directory "/">
    AllowOverride None
    Require all denied
</Directory>
<FilesMatch "^\\.ht">
    Require all denied
</FilesMatch>
<Directory "$tmp">
    Options FollowSymLinks Includes ExecCGI
    AllowOverride All
    Require all granted
    AddHandler cgi-script .cgi
    AddOutputFilter INCLUDES .shtml
    AddType text/html .shtml
    AddHandler type-map .var
    AddLanguage en .en
    AddLanguage ja .ja
</Directory>
DocumentRoot "$web"
$top
$hosts
CONF
}

sub start {
    my ($kind, $mpm, $top, %o) = @_;
    my $confd = "$tmp/conf-$kind";
    open my $fh, '>', "$confd/httpd/httpd.conf" or die $!;
    print {$fh} conf($mpm, $top, %o);
    close $fh or die $!;
    return Omakase::Instance->new(mpm => $mpm, confd => $confd)->start;
}

# --- the cases ---------------------------------------------------------------

# Each name is a host, NAME.localhost; what stands in it is all that it has
# beyond the server's level.
sub hosts {
    my %hosts = (
        plain => '',
        alias => <<"CONF",
Alias "/al/index.html" "$out/aliased.html"
Alias "/dirs/sub" "$out/sub"
AliasMatch "^/am/index\\.(html)\$" "$out/aliased.\$1"
ScriptAlias "/sa/home.html" "$out/script"
ScriptAlias "/cgi-bin/" "$out/cgi-bin/"
Redirect 307 "/re/index.html" "http://redirected.localhost/"
RedirectMatch 410 "^/rm/home\\.html\$"
Redirect 307 "/below/sub" "/elsewhere"
<IfModule alias_module>
    <IfVersion >= 2.4>
        Alias "/im/index.html" "$out/aliased.html"
    </IfVersion>
</IfModule>
CONF
        location => <<'CONF',
<Location "/loc/index.html">
    Require all denied
</Location>
<LocationMatch "^/slash/$">
    Require all denied
</LocationMatch>
<Location "/both/">
    Header set X-Both yes
</Location>
<Location "/handled/home.html">
    SetHandler server-status
</Location>
<LocationMatch "^/named/(?<what>.*)$">
    Header set X-What "%{MATCH_WHAT}e"
</LocationMatch>
<Location "/order/">
    DirectoryIndex other.html
</Location>
CONF
        locred => <<'CONF',
<Location "/re/index.html">
    Redirect 307 "/elsewhere"
</Location>
CONF
        rewritten => <<'CONF',
RewriteEngine on
RewriteRule "^/rw/index\.html$" "/rw/real.html" [PT]
RewriteRule "^/ns/index\.html$" "/ns/real.html" [NS,PT]
RewriteRule "^/f/home\.html$" "-" [F]
RewriteRule "^/r/index\.html$" "/rw/" [R=307]
RewriteRule "^/e/home\.html$" "-" [E=SEEN:home]
CONF
        matched => <<"CONF",
<DirectoryMatch "^\Q$web\E/six/default\\.html\$">
    Require all denied
</DirectoryMatch>
CONF
        proxied => <<'CONF',
ProxyPass "/px/index.html" "http://${OMAKASE_HTTP}/six/only.txt"
CONF
        headers => <<'CONF',
RequestHeader set X-Uri "expr=%{REQUEST_URI}"
CONF
        ifs => <<'CONF',
<If "%{REQUEST_URI} == '/six/'">
    Header set X-If dir
</If>
<If "%{REQUEST_URI} =~ m#default#">
    Require all denied
</If>
CONF
    );
    return join '', map {<<"CONF"} sort keys %hosts;
<VirtualHost *:*>
ServerName $_.localhost
DocumentRoot "$web"
$hosts{$_}
</VirtualHost>
CONF
}

# Requests of one case: PATH or [METHOD, PATH, BODY, {HEADERS}]. own: the status
# that this module must give; fast: without a subrequest; volatile: the body
# differs from one time to the next.
sub case_of {
    my ($name, $requests, %o) = @_;
    my @get = map { ref $_ eq 'ARRAY' ? $_ : ['GET', $_] } ref $requests ? @$requests : $requests;
    push @cases, {name => $name, get => \@get, host => 'plain', %o};
    return;
}

# .htaccess with another list, in each httpd's own words.
sub list {
    my ($list) = @_;
    return "<IfDefine OWN>\nIndexOrder $list\n</IfDefine>\n"
        . "<IfDefine !OWN>\nDirectoryIndex $list\n</IfDefine>\n";
}

my $CGI = <<'SH';
#!/bin/sh
echo "Content-Type: text/plain"
echo
echo "$REQUEST_METHOD|$(head -c 100)"
env | sort
SH
my $SSI = <<'HTML';
<!--#echo var="DOCUMENT_URI" -->|<!--#echo var="DOCUMENT_NAME" -->|<!--#echo var="REQUEST_URI" -->|<!--#echo var="SCRIPT_NAME" -->
<!--#printenv -->
HTML

sub build_tree {
    file("six/$_") for 'default.html', 'only.txt';
    file("first/$_") for @MANUAL;
    file("n/$_/$_", $_ =~ /shtml/ ? $SSI : undef) for @MANUAL;
    file('upper/INDEX.HTML');
    file('empty/other.html');
    file("$out/aliased.html", "aliased\n");
    file("$out/script", $CGI, 0755);
    file("$out/cgi-bin/index.html", $CGI, 0755);
    file("$out/sub/home.html", "sub of out\n");

    case_of("P2: /n/$_/ is $_", ["/n/$_/", "/n/$_/?q=1&r=%20", ['HEAD', "/n/$_/"],
        ['POST', "/n/$_/", 'a=b'], ['OPTIONS', "/n/$_/"], ['PUT', "/n/$_/", 'x'], "/n/$_//", "/n/./$_/",
        "/n/%2e/$_/", "/n/$_/?", "/n/$_/extra"], fast => $_ eq 'index.html' ? 1 : 0) for @MANUAL;
    case_of('P2: the first of all six', '/first/', fast => 1);
    case_of('P2: the sixth', ['/six/', ['GET', '/six/', undef, {'If-Modified-Since' => 'Tue, 14 Nov 2023 22:13:20 GMT'}],
        ['GET', '/six/', undef, {Range => 'bytes=2-4'}], ['GET', '/six/', undef, {'If-Match' => '"no"'}]], fast => 1);
    case_of('P3: none there', ['/empty/', '/empty/?q', ['HEAD', '/empty/'], ['POST', '/empty/', 'x']], own => 404);
    case_of('none there: other methods', [['OPTIONS', '/empty/'], ['PUT', '/empty/', 'x'], ['DELETE', '/empty/']]);
    case_of('P4: INDEX.HTML is no index', '/upper/', own => 404);
    case_of('P6: no such directory', ['/nowhere/', '/nowhere/index.html', '/six/nothing/']);
    case_of('slash redirect', ['/six', '/six?a=b&c', ['POST', '/six', 'x'], ['HEAD', '/six'], '/emp%74y',
        ['POST', '/six', 'x', {'User-Agent' => 'Microsoft Data Access'}]]);

    listing();
    modes_and_links();
    access();
    names();
    negotiation();
    rewriting();
    mod_dirs_own();
    programs();
    filters_and_variables();
    of_hosts();
    return;
}

sub listing {
    file('list/.htaccess', "Options +Indexes\n");
    file("list/$_") for 'file.txt', 'sub/default.html', 'nosub/x.txt', 'closed/x.txt';
    file('list/closed/.htaccess', "Options -Indexes\n");
    case_of("P3: a customer's Options +Indexes lists", ['/list/', '/list/nosub/', '/list/sub/', '/list/?C=M;O=A']);
    case_of('P3: Options -Indexes below it', '/list/closed/', own => 404);
    file('list2/.htaccess', "Options +Indexes\n" . list('disabled'));
    file('list2/home.html');
    case_of('a listing although there is an index', '/list2/');
    # DirectoryIndex of mod_dir's must not come in where IndexOrder had nothing.
    file('other/.htaccess', "Options +Indexes\n" . list('nothing.html'));
    file('other/default.html');
    case_of('a list without what is there lists', '/other/');
    return;
}

sub modes_and_links {
    file('shut/index.html', undef, 0000);
    file('shut/home.html');
    file('isdir/index.html/x.txt');
    file('isdir/default.html');
    file('isdir2/default.html/index.html');
    make_path("$web/dangling", "$web/dangling2", "$web/linked", "$web/owner", "$web/owner2", "$web/nolink");
    symlink '/nonexistent', "$web/dangling/index.html";
    symlink '/nonexistent', "$web/dangling2/$_" for 'index.html', 'default.html';
    file('dangling/default.html');
    file('linked/real.html');
    symlink 'real.html', "$web/linked/index.htm";
    symlink "$web/linked", "$web/linkeddir";
    for my $dir ('owner', 'owner2') {
        file("$dir/.htaccess", "Options -FollowSymLinks +SymLinksIfOwnerMatch\n");
        file("$dir/real.html");
        symlink 'real.html', "$web/$dir/index.html";
        file("$dir/home.html");
    }
    chown 33, 33, "$web/owner/real.html" if !$>;
    file('nolink/.htaccess', "Options -FollowSymLinks\n");
    symlink "$web/linked/real.html", "$web/nolink/index.html";
    case_of('P5: an unreadable index is 403', ['/shut/', '/shut/index.html']) if !$>;
    case_of('a directory called index.html', '/isdir/');
    case_of('a directory called default.html', '/isdir2/');
    case_of('a dangling link, and another index', '/dangling/');
    case_of('dangling links alone', '/dangling2/');
    case_of('a link', ['/linked/', '/linkeddir/']);
    case_of('a link to a file of another owner', '/owner/');
    case_of('a link to a file of the same owner', '/owner2/');
    case_of('links not allowed', '/nolink/');
    return;
}

sub access {
    my $auth = qq{AuthType Basic\nAuthName here\nAuthUserFile "$tmp/users"\nRequire valid-user\n};
    my $me = {Authorization => 'Basic bWU6c2VjcmV0'};
    file("$tmp/users", 'me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' . "\n");
    my %rules = (
        auth => $auth,
        denied => "Require all denied\n",
        fdenied => "<Files index.html>\nRequire all denied\n</Files>\n",
        fauth => "<Files default.html>\n$auth</Files>\n",
        hauth => "<Files home.html>\n$auth</Files>\n",
        onlyfile => "Require all denied\n<Files default.html>\nRequire all granted\n</Files>\n",
        expr => qq{Require expr %{REQUEST_URI} =~ m#/\$#\n},
        exprnot => qq{Require expr %{REQUEST_URI} !~ m#/\$#\n},
        satisfy => "${auth}Require all denied\nSatisfy Any\nOrder deny,allow\nDeny from all\nAllow from 127.0.0.1\n",
        limit => "<Limit GET>\nRequire all denied\n</Limit>\n",
        emptyname => qq{<FilesMatch "^\$">\nRequire all denied\n</FilesMatch>\n},
        allfiles => qq{<Files "*">\nHeader set X-All yes\n</Files>\n},
    );
    for my $rule (sort keys %rules) {
        my @with = (['', 'default.html'], ['2', 'index.html'], ['3', 'other.html'], ['4', 'index.html', 'default.html']);
        for (@with) {
            my ($suffix, @files) = @$_;
            my $dir = "$rule$suffix";
            file("acc/$dir/.htaccess", $rules{$rule});
            file("acc/$dir/$_") for @files;
            case_of("access: $rule, files @files", ["/acc/$dir/", ['GET', "/acc/$dir/", undef, $me], ['POST', "/acc/$dir/", 'x'],
                ['HEAD', "/acc/$dir/"], "/acc/$dir"]);
        }
    }
    return;
}

sub names {
    my %lists = (
        abs => ['"/first/home.html"', 'x'], absquery => ['nothing.html "/n/home.shtml/home.shtml"', 'x'],
        up => ['../first/index.htm', 'x'], sub => ['sub/x.html', 'sub/x.html'], subno => ['sub/x.html default.html', 'default.html'],
        blank => ['"a b.html"', 'a b.html'], utf8 => ['日本.html', '日本.html'], percent => ['%41.html default.html', 'A.html'],
        percent2 => ['100%.html default.html', 'default.html'], query => ['"home.html?x=y"', 'home.html'],
        fragment => ['"home.html#x" default.html', 'default.html'], backslash => ['a\\\\b.html default.html', 'a\\b.html'],
        dot => ['. default.html', 'default.html'], dotdot => ['.. default.html', 'default.html'], slash => ['sub/ default.html', 'sub/index.html'],
        dotslash => ['./default.html', 'default.html'], plus => ['a+b&c;d=.html', 'a+b&c;d=.html'],
        long => ['x' x 300 . ' default.html', 'default.html'], twice => ['home.html home.html', 'home.html'],
        tilde => ['~x.html', '~x.html'], colon => ['http:x.html default.html', 'http:x.html'], ctrl => ["a\tb.html default.html", 'default.html'],
    );
    for my $l (sort keys %lists) {
        my ($list, $file) = @{$lists{$l}};
        for my $dir ("names/$l", "names/$l b %") {
            file("$dir/.htaccess", list($list));
            file("$dir/$file");
            my $url = '/' . $dir =~ s/([ %])/sprintf '%%%02X', ord $1/ger;
            case_of("names: IndexOrder " . ($list =~ s/x{20,}/x…/r), ["$url/", "$url/?a=b"]);
        }
        file("names0/$l/.htaccess", list($list));
        case_of("names: nothing there: " . ($list =~ s/x{20,}/x…/r), "/names0/$l/");
    }
    return;
}

sub negotiation {
    my @langs = map { {'Accept-Language' => $_} } 'en', 'ja', 'de';
    file("mv/index.html.$_") for 'en', 'ja';
    file('mv/.htaccess', "Options +MultiViews\n");
    file("mv2/index.html.$_") for 'en', 'ja';
    file('mv2/default.html');
    file('mv2/.htaccess', "Options +MultiViews\n");
    file("mv3/index.html.$_") for 'en', 'ja';
    file('mv3/.htaccess', "Options +MultiViews\n" . list('index'));
    file('mv4/.htaccess', "Options +MultiViews\n" . list('index.var default.html'));
    file('mv4/index.var', "URI: x.html.en\nContent-Type: text/html\nContent-Language: en\n\nURI: x.html.ja\nContent-Type: text/html\nContent-Language: ja\n");
    file("mv4/x.html.$_") for 'en', 'ja';
    file("mv5/$_") for 'index.html.en', 'default.html';
    file("mv6/index.html.$_") for 'en', 'ja';
    for my $dir (qw(mv mv2 mv3 mv4 mv5 mv6)) {
        case_of("negotiation: /$dir/", ["/$dir/", "/$dir/?q", 
            map { ['GET', "/$dir/", undef, $_] } @langs,
            {Accept => 'image/png', 'Accept-Language' => 'en'}]);
    }
    return;
}

sub rewriting {
    my %rules = (
        empty => 'RewriteRule ^$ other.html', mapped => 'RewriteRule ^index\.html$ other.html',
        last => 'RewriteRule ^home\.html$ other.html', front => "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . front.cgi",
        frontall => "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ front.cgi [L]",
        away => 'RewriteRule ^$ http://away.localhost/ [R]', away2 => 'RewriteRule ^index\.html$ http://away.localhost/ [R=307]',
        forbidden => 'RewriteRule ^default\.html$ - [F]', gone => 'RewriteRule ^home\.html$ - [G]',
        env => 'RewriteRule ^(.*)$ - [E=SEEN:x$1]', ns => 'RewriteRule ^index\.html$ other.html [NS]', off => "RewriteRule ^ - [F]\nRewriteEngine off",
        type => 'RewriteRule ^default\.html$ - [T=text/plain]', handler => 'RewriteRule ^default\.html$ - [H=cgi-script]',
    );
    for my $rule (sort keys %rules) {
        for (['', 'default.html'], ['2', 'index.html', 'default.html'], ['3', 'x.txt']) {
            my ($suffix, @files) = @$_;
            my $dir = "rew/$rule$suffix";
            file("$dir/.htaccess", "RewriteEngine on\n$rules{$rule}\n");
            file("$dir/$_") for @files, 'other.html';
            file("$dir/front.cgi", $CGI, 0755);
            case_of("mod_rewrite in .htaccess: $rule, files @files", ["/$dir/", "/$dir/?q=1", ['POST', "/$dir/", 'x'], "/$dir"]);
        }
    }
    my %redirects = (
        file => 'Redirect 307 "%s/index.html" "http://away.localhost/"', slash => 'RedirectMatch 307 "/$" "http://away.localhost/"',
        gone => 'Redirect gone "%s/home.html"', sixth => 'RedirectMatch 307 "default" "http://away.localhost/"',
        infiles => qq{<Files "index.html">\nRedirect 307 "%s/" "http://away.localhost/"\n</Files>},
        infiles2 => qq{<Files "default.html">\nRedirectMatch 307 . "http://away.localhost/"\n</Files>},
    );
    for my $rule (sort keys %redirects) {
        for (['', 'default.html'], ['2', 'x.txt']) {
            my ($suffix, $file) = @$_;
            my $dir = "red/$rule$suffix";
            no warnings qw(redundant); # not each names the directory
            file("$dir/.htaccess", sprintf("$redirects{$rule}\n", "/$dir"));
            file("$dir/$file");
            case_of("Redirect in .htaccess: $rule, file $file", ["/$dir/", "/$dir/?q=1", "/$dir"]);
        }
    }
    return;
}

sub mod_dirs_own {
    my %rules = (
        fallback => 'FallbackResource /six/default.html', fallbackno => 'FallbackResource /no/such',
        fallbackoff => "FallbackResource disabled", disabled => 'DirectoryIndex disabled',
        redirect => 'DirectoryIndexRedirect on', redirect2 => 'DirectoryIndexRedirect permanent', redirect3 => 'DirectoryIndexRedirect 307',
        redirect4 => 'DirectoryIndexRedirect off', redirect5 => 'DirectoryIndexRedirect seeother', redirect6 => 'DirectoryIndexRedirect temp',
        noslash => 'DirectorySlash Off', check => "DirectoryCheckHandler On", checkset => "DirectoryCheckHandler On\nSetHandler server-status",
        set => 'SetHandler server-status', setcgi => 'SetHandler cgi-script', index => 'DirectoryIndex other.html',
        index2 => "DirectoryIndex no.html\nDirectoryIndex other.html default.html", index3 => "DirectoryIndex other.html\nDirectoryIndex disabled",
        index4 => 'DirectoryIndex disabled other.html', infiles => qq{<Files "index.html">\nFallbackResource /six/default.html\n</Files>},
        ifsect => qq{<If "%{REQUEST_URI} =~ m#index.html#">\nFallbackResource /six/default.html\n</If>},
    );
    for my $rule (sort keys %rules) {
        for (['', 'default.html'], ['2', 'x.txt']) {
            my ($suffix, $file) = @$_;
            my $dir = "dir/$rule$suffix";
            file("$dir/.htaccess", "$rules{$rule}\n");
            file("$dir/$_") for $file, $rule =~ /index/ && !$suffix ? 'other.html' : ();
            case_of("mod_dir's: $rules{$rule}, file $file" =~ s/\n/; /gr, ["/$dir/", "/$dir/?q=1", "/$dir", ['POST', "/$dir/", 'x'],
                $rule =~ /fallback/ ? ("/$dir/nothing", "/$dir/nothing/") : ()], volatile => scalar($rule =~ /set\z/));
        }
    }
    return;
}

sub programs {
    for my $name ('index.cgi', 'index.php') {
        file("prog/$name/.htaccess", "AddHandler cgi-script .php\n" . list("$name default.html"));
        file("prog/$name/$name", $CGI, 0755);
        case_of("a program, $name", ["/prog/$name/", "/prog/$name/?a=b+c&d=%41", ['POST', "/prog/$name/", 'a=b'],
            ['POST', "/prog/$name/?x", 'y' x 90], ['HEAD', "/prog/$name/"], ['PUT', "/prog/$name/", 'put'], "/prog/$name/extra"]);
    }
    file('act/.htaccess', "AddHandler mine .html\nAction mine /act/run.cgi\n");
    file('act/run.cgi', $CGI, 0755);
    file('act/default.html');
    case_of('Action', ['/act/', '/act/?q', ['POST', '/act/', 'x']]);
    file('files/.htaccess', qq{<FilesMatch "\\.php\$">\nSetHandler cgi-script\n</FilesMatch>\n} . list('index.php'));
    file('files/index.php', $CGI, 0755);
    case_of('a handler by <FilesMatch>', ['/files/', ['POST', '/files/?q', 'x']]);
    file('status/index.cgi', "#!/bin/sh\necho Status: 503 Busy\necho Content-Type: text/plain\necho\necho busy\n", 0755);
    file('status/.htaccess', list('index.cgi'));
    case_of("a program's status", '/status/');
    file('gone/.htaccess', "ErrorDocument 404 /n/home.shtml/\nErrorDocument 403 /six/\n");
    file('gone/closed/.htaccess', "Require all denied\n");
    case_of('an error page that is a directory', ['/gone/nothing.html', '/gone/closed/']);
    return;
}

sub filters_and_variables {
    my %rules = (
        setenvif => qq{SetEnvIf Request_URI "/\$" SLASH\nSetEnvIf Request_URI "html\$" HTML\nHeader set X-Seen "%{SLASH}e %{HTML}e"},
        setenv => qq{SetEnv A b\nPassEnv PATH}, header => qq{Header set X-A b\nHeader append Vary X-A},
        reqheader => qq{RequestHeader append X-Twice x\nRequestHeader set X-Uri "expr=%{REQUEST_URI}"},
        force => 'ForceType text/plain', type => 'AddType text/plain .html', charset => 'AddDefaultCharset utf-8',
        expires => "ExpiresActive on\nExpiresByType text/html \"access plus 1 year\"\nHeader unset Expires\nHeader edit Cache-Control . x",
        xbit => "Options +Includes\nXBitHack full", filter => 'SetOutputFilter INCLUDES',
        ifsect => qq{<If "%{REQUEST_URI} =~ m#/\$#">\nHeader set X-If yes\n</If>}, iffile => qq{<If "%{REQUEST_FILENAME} =~ m#html\$#">\nHeader set X-If file\n</If>},
        iffiles => qq{<Files "default.html">\n<If "true">\nHeader set X-If files\n</If>\n</Files>},
        etag => 'FileETag None', lang => "DefaultLanguage de\nAddEncoding x-gzip .html",
    );
    for my $rule (sort keys %rules) {
        file("var/$rule/.htaccess", "$rules{$rule}\nAddOutputFilter INCLUDES .html\n");
        file("var/$rule/default.html", $SSI, $rule eq 'xbit' ? 0755 : 0644);
        case_of("variables: $rule", ["/var/$rule/", "/var/$rule/?q=1", ['HEAD', "/var/$rule/"]]);
    }
    file('incl/a.shtml', qq{<!--#include virtual="/n/home.shtml/" -->|<!--#include virtual="/six/?x=y" -->|<!--#include virtual="/first" -->\n});
    file('incl/b.shtml', qq{<!--#include virtual="/prog/index.cgi/?x=y" -->\n});
    file('incl/c.shtml', qq{<!--#include virtual="/empty/" -->|<!--#include virtual="/acc/denied/" -->|<!--#include virtual="/rew/empty/" -->\n});
    case_of('SSI includes a directory', ['/incl/a.shtml', '/incl/b.shtml?outer', '/incl/c.shtml']);
    return;
}

sub of_hosts {
    file("$_/default.html") for qw(al am sa re rm im below dirs/x loc slash both handled named order rw f r e ns px);
    file("$_/real.html", "real\n") for qw(rw ns);
    file('order/other.html');
    file("$out/sub/x.html");
    file("$_/x.txt") for qw(al0 loc0);
    my %of = (alias => [qw(al am sa re rm im below dirs/sub dirs/x cgi-bin six)],
        location => [qw(loc slash both handled named order six)], locred => [qw(re six)],
        rewritten => [qw(rw ns f r e six)], matched => ['six'], proxied => [qw(px six)],
        headers => ['six'], ifs => ['six']);
    for my $host (sort keys %of) {
        case_of("host $host: /$_/", ["/$_/", "/$_/?q=1", ['POST', "/$_/", 'x'], ['HEAD', "/$_/"], "/$_", "/$_/default.html"],
            host => $host, $host eq 'alias' && $_ eq 'six' ? (fast => 1) : ()) for @{$of{$host}};
    }
    return;
}

# --- asking ------------------------------------------------------------------

# What an answer is, in lines; what differs from one httpd to the other in any
# case (ports, times of day, its own directory) is taken out.
sub answer {
    my ($i, $case, $what) = @_;
    my ($method, $path, $body, $headers) = @$what;
    my $before = -s $i->root . '/log/case.log' // 0;
    my $r = request($i, $method, "$case->{host}.localhost", $path, $body, %{$headers // {}});
    my $log = $case->{host} eq 'proxied' ? '' : log_line($i, $before);
    delete $r->{headers}{date};
    my $content = $case->{volatile} ? '' : $r->{content} // '';
    # httpd counts a program's bytes when they come early enough.
    delete @{$r->{headers}}{qw(content-length transfer-encoding)}
        if $case->{volatile} || $log =~ / cgi-script / || $content =~ /REMOTE_PORT/;
    $r->{headers}{allow} = join ',', sort split /,/, $r->{headers}{allow} if $r->{headers}{allow};
    my $text = join "\n", "$r->{status} $r->{reason}",
        (map { my $v = $r->{headers}{$_}; "$_: " . (ref $v ? join '|', @$v : $v) } sort keys %{$r->{headers}}),
        '', $content, "log: $log";
    my ($port, $root) = ($i->httpd->port, $i->root);
    $text =~ s/\b$port\b/PORT/g;
    $text =~ s/\Q$root\E/ROOT/g;
    $text =~ s/^(REMOTE_PORT|DATE_LOCAL|DATE_GMT|HTTP_X_TIME)=.*$/$1=*/mg;
    return ($r->{status}, $text, $r);
}

# The line that the request left in the access log: it may come a moment after
# the answer.
sub log_line {
    my ($i, $from) = @_;
    my $end = time + 10;
    while (time < $end) {
        open my $fh, '<', $i->root . '/log/case.log' or next;
        seek $fh, $from, 0;
        my @lines = <$fh>;
        my $text = join '', @lines;
        chomp @lines;
            return "@lines" if @lines && $text =~ /\n\z/;
        sleep 0.002;
    }
    return 'no line';
}

sub beside_mod_dir {
    my ($mpm) = @_;
    my $dir = start('dir', $mpm, "DirectoryIndex $LIST");
    my $own = start('own', $mpm, 'IndexOrder manual', module => 1);
    my $idle = start('idle', $mpm, "DirectoryIndex $LIST", module => 1);
    my ($compared, $none) = (0, 0);
    for my $case (@cases) {
        my (@differ, @idle_differs);
        for my $what (@{$case->{get}}) {
            my $forbidden = logged($dir, 'AH01276');
            my $fast = logged($own, 'without a subrequest');
            my ($status, $want) = answer($dir, $case, $what);
            my ($own_status, $got) = answer($own, $case, $what);
            my (undef, $idle_got) = answer($idle, $case, $what);
            $compared++;
            push @idle_differs, [$what, $want, $idle_got] if $idle_got ne $want;
            # Stock httpd says 403 where it may not list.
            if ($status == 403 && $what->[1] =~ m{/(?:\?|\z)} && logged($dir, 'AH01276') > $forbidden) {
                $none++;
                $want = '403 for want of an index, 404 here';
                $got = $want if $own_status == 404;
            }
            push @differ, [$what, $want, $got] if $got ne $want || $case->{own} && $own_status != $case->{own};
            push @differ, [$what, 'no subrequest', 'a subrequest']
                if $case->{fast} && $own_status == 200 && $what->[1] =~ m{/(?:\?|\z)} && logged($own, 'without a subrequest') == $fast;
        }
        ok(!@differ, "$mpm: $case->{name}") or show(@differ);
        ok(!@idle_differs, "$mpm, nothing said: $case->{name}") or show(@idle_differs);
    }
    cmp_ok($compared, '>', 500, "$mpm: $compared requests compared");
    cmp_ok($none, '>', 10, "P3: $mpm: $none of them 404 instead of 403");
    cmp_ok(logged($own, 'by a subrequest'), '>', 50, "$mpm: some went through httpd");
    is(logged($idle, 'index_order:'), 0, "$mpm: nothing said, nothing done");
    parallel($mpm, $own) if $mpm ne 'prefork';
    ok($own->httpd->graceful, "$mpm: graceful restart");
    is(get($own, 'plain.localhost', '/six/')->{content}, "six/default.html\n", "$mpm: and serves on");
    unlike($own->httpd->log_text, qr/AH00051|AH00052|exit signal/, "$mpm: no child has died");
    return;
}

# Lines of the error log with $what in them.
sub logged {
    my ($i, $what) = @_;
    my $seen = $i->{seen}{$what} //= [0, 0];
    open my $fh, '<', $i->httpd->error_log or return 0;
    seek $fh, $seen->[0], 0;
    while (<$fh>) {
        $seen->[1]++ if index($_, $what) >= 0;
    }
    $seen->[0] = tell $fh;
    return $seen->[1];
}

sub show {
    for (@_[0 .. ($#_ < 2 ? $#_ : 2)]) {
        my ($what, $want, $got) = @$_;
        diag("$what->[0] $what->[1]\n--- mod_dir\n$want\n--- mod_index_order\n$got");
    }
    return;
}

# Many clients on threads of one child.
sub parallel {
    my ($mpm, $own) = @_;
    my %want = ('/six/' => "six/default.html\n", '/first/' => "first/index.html\n", '/mv2/' => undef, '/rew/empty/' => undef);
    $want{$_} //= get($own, 'plain.localhost', $_)->{content} for keys %want;
    my @pids = map {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            my $bad = 0;
            for my $n (1 .. 60) {
                $bad ||= get($own, 'plain.localhost', $_)->{content} ne $want{$_} for sort keys %want;
            }
            POSIX::_exit($bad);
        }
        $pid;
    } 1 .. 8;
    my $bad = 0;
    for (@pids) {
        waitpid $_, 0;
        $bad ||= $?;
    }
    is($bad, 0, "$mpm: eight clients at once, each answered right");
    return;
}

# --- what directives mean -----------------------------------------------------

# The file that answers, by its own words.
sub index_of {
    my ($i, $host, $path) = @_;
    my $r = get($i, "$host.localhost", $path);
    return $r->{status} == 200 ? $r->{content} =~ m{([^/]+)\n\z} ? $1 : $r->{content} : $r->{status};
}

sub tree_of_all {
    my ($dir) = @_;
    file("$dir/$_") for 'a.html', 'b.html', 'c.html', 'index.html', 'default.html';
    return;
}

sub directives {
    my $hosts = join '', map {"<VirtualHost *:*>\nServerName $_->[0].localhost\nDocumentRoot \"$web\"\n$_->[1]\n</VirtualHost>\n"}
        ['none', ''], ['own', 'IndexOrder b.html'], ['index', 'DirectoryIndex c.html'],
        ['off', 'IndexOrder off'], ['offindex', "IndexOrder off\nDirectoryIndex c.html"],
        ['dirs', "IndexOrder b.html\n<Directory \"$web/m\">\nIndexOrder c.html\n</Directory>"],
        ['dirindex', "<Directory \"$web/m\">\nDirectoryIndex b.html c.html\n</Directory>"],
        ['location', "<Location \"/m/\">\nIndexOrder c.html\n</Location>"],
        ['both', "DirectoryIndex c.html\nIndexOrder b.html\nDirectoryIndex a.html"],
        ['added', "IndexOrder no.html\nIndexOrder c.html b.html"], ['mixed', 'IndexOrder c.html manual'],
        ['case', 'IndexOrder MANUAL'], ['disabled', 'IndexOrder Disabled'], ['dot', 'IndexOrder ./manual'];
    tree_of_all($_) for 'm', 'm/in', 'm/list', 'm/off', 'm/deep', 'm/deep/below', 'm/both', 'm/disabled', 'm/none';
    file('m/manual', "the file manual\n");
    file('m/in/.htaccess', "IndexOrder a.html\n");
    file('m/list/.htaccess', "DirectoryIndex a.html\n");
    file('m/off/.htaccess', "IndexOrder off\n");
    file('m/deep/.htaccess', "DirectoryIndex a.html\n");
    file('m/deep/below/.htaccess', "IndexOrder b.html\n");
    file('m/both/.htaccess', "IndexOrder b.html\nDirectoryIndex a.html\n");
    file('m/disabled/.htaccess', "DirectoryIndex disabled\n");
    file('m/none/.htaccess', "IndexOrder disabled\n");
    for my $mpm (qw(event prefork)) {
        my $i = start('own', $mpm, 'IndexOrder a.html', module => 1, hosts => $hosts);
        my %want = (
            none => {'/m/' => 'a.html'}, own => {'/m/' => 'b.html'}, index => {'/m/' => 'c.html'},
            off => {'/m/' => 'index.html', '/m/in/' => 'a.html', '/m/list/' => 'a.html'},
            offindex => {'/m/' => 'c.html'}, dirs => {'/m/' => 'c.html', '/m/in/' => 'a.html'},
            dirindex => {'/m/' => 'b.html', '/m/in/' => 'a.html', '/m/list/' => 'a.html'},
            location => {'/m/' => 'c.html', '/m/in/' => 'c.html', '/m/list/' => 'c.html'},
            both => {'/m/' => 'b.html'}, added => {'/m/' => 'c.html'}, mixed => {'/m/' => 'c.html'},
            case => {'/m/' => 'index.html'}, disabled => {'/m/' => 404, '/m/in/' => 'a.html'}, dot => {'/m/' => 'the file manual'},
        );
        my %always = ('/m/in/' => 'a.html', '/m/list/' => 'a.html', '/m/off/' => undef, '/m/deep/' => 'a.html',
            '/m/deep/below/' => 'b.html', '/m/both/' => 'b.html', '/m/disabled/' => 404, '/m/none/' => 404);
        for my $host (sort keys %want) {
            my %all = ($host eq 'location' || $host =~ /off/ ? () : %always, %{$want{$host}});
            is(index_of($i, $host, $_), $all{$_}, "$mpm: $host: $_ is $all{$_}") for grep { defined $all{$_} } sort keys %all;
        }
        is(index_of($i, 'own', '/m/off/'), 'index.html', "$mpm: IndexOrder off in .htaccess: mod_dir's again");
        open my $fh, '>', "$web/m/in/.htaccess" or die $!;
        print {$fh} "IndexOrder c.html\n";
        close $fh;
        is(index_of($i, 'none', '/m/in/'), 'c.html', "$mpm: .htaccess changed: at once");
        file('m/in/.htaccess', "IndexOrder a.html\n");
        # Another configuration at a graceful restart.
        my $conf = "$tmp/conf-own/httpd/httpd.conf";
        my $text = do { local (@ARGV, $/) = $conf; <> };
        open $fh, '>', $conf or die $!;
        print {$fh} $text =~ s/^IndexOrder a\.html$/IndexOrder c.html/mr;
        close $fh;
        ok($i->httpd->graceful, "$mpm: graceful restart with another order");
        is(index_of($i, 'none', '/m/'), 'c.html', "$mpm: which counts");
        is(index_of($i, 'own', '/m/'), 'b.html', "$mpm: the virtual host's own stays");
    }
    return;
}

sub without_mod_dir {
    my %rules = (slash => "DirectorySlash Off\n", redirect => "DirectoryIndexRedirect 307\n", index => "DirectoryIndex b.html\n",
        disabled => "DirectoryIndex disabled\n", check => "DirectoryCheckHandler on\nSetHandler none\n", plain => '');
    for my $rule (sort keys %rules) {
        tree_of_all("w/$rule");
        file("w/$rule/.htaccess", $rules{$rule}) if $rules{$rule};
    }
    file('w/isdir/default.html/x.txt');
    file('w/bad/.htaccess', "DirectoryIndexRedirect 200\n");
    file('w/fallback/.htaccess', "FallbackResource /six/default.html\n");
    my @paths = map { ("/w/$_/", "/w/$_", "/w/$_?q=1", "/w/$_/?q=1") } sort keys %rules;
    for my $mpm (qw(event prefork)) {
        my $dir = start('dir', $mpm, "DirectoryIndex $LIST");
        my $own = start('own', $mpm, 'IndexOrder manual', module => 1, no_dir => 1);
        my $bare = start('bare', $mpm, "DirectoryIndex $LIST", module => 1, no_dir => 1);
        my @differ;
        for my $path (@paths, '/w/isdir/', '/six/', '/six', '/first/?q', '/n/home.shtml/', '/prog/index.cgi/?q', '/mv/', '/rew/mapped/') {
            my $case = {host => 'plain'};
            my ($status, $want) = answer($dir, $case, ['GET', $path]);
            for my $i ($own, $bare) {
                my ($own_status, $got) = answer($i, $case, ['GET', $path]);
                push @differ, [['GET', $path], $want, $got]
                    if $got ne $want && !($status == 403 && $own_status == 404 && $path eq '/w/disabled/' || $path eq '/w/disabled/?q=1');
            }
        }
        ok(!@differ, "P2: $mpm, without mod_dir: as with it") or show(@differ);
        is(get($own, 'plain.localhost', '/empty/')->{status}, 404, "P3: $mpm, without mod_dir: none there");
        is(get($own, 'plain.localhost', "/w/$_/")->{status}, 500, "$mpm, without mod_dir: $_ in .htaccess is said to be wrong")
            for 'bad', 'fallback';
        like($own->httpd->log_text, qr/FallbackResource: needs mod_dir/, "$mpm: and why");
        like($own->httpd->log_text, qr/DirectoryIndexRedirect: '200' is not/, "$mpm: and why");
        my $nothing = start('idle', $mpm, '', module => 1, no_dir => 1);
        is(get($nothing, 'plain.localhost', '/first/')->{status}, 403, "$mpm, without mod_dir and directives: as before");
        is(get($nothing, 'plain.localhost', '/w/index/')->{status}, 200, "$mpm: but DirectoryIndex is understood");
    }
    return;
}

sub refused_configurations {
    my %wrong = (
        'IndexOrder' => qr/IndexOrder: say 'manual'/, 'IndexOrder off index.html' => qr/IndexOrder: 'off' stands alone/,
        'IndexOrder index.html disabled' => qr/IndexOrder: 'disabled' stands alone/, 'IndexOrder ""' => qr/IndexOrder: say 'manual'/,
    );
    for my $line (sort keys %wrong) {
        my $i = Omakase::Instance->new(confd => "$tmp/conf-own");
        open my $fh, '>', "$tmp/conf-own/httpd/httpd.conf" or die $!;
        print {$fh} conf('event', $line, module => 1);
        close $fh;
        $i->httpd->configure;
        my ($ok, $text) = $i->httpd->check;
        ok(!$ok, "'$line' is refused");
        like($text, $wrong{$line}, 'with a reason');
    }
    file('not/.htaccess', "IndexOrder a.html\n");
    my $i = start('own', 'event', "IndexOrder manual\n<Directory \"$web/not\">\nAllowOverride FileInfo\n</Directory>", module => 1);
    is(get($i, 'plain.localhost', '/not/')->{status}, 500, 'IndexOrder needs AllowOverride Indexes');
    like($i->httpd->log_text, qr/IndexOrder not allowed here/, 'and httpd says so');
    return;
}

# A file that comes or goes counts from the next request on.
sub sees_changes_at_once {
    my $i = start('own', 'event', 'IndexOrder manual', module => 1);
    my $bad = 0;
    for my $n (1 .. 100) {
        my ($early, $late) = $n % 2 ? ('index.html', 'home.html') : ('home.html', 'default.html');
        file("now/$late");
        $bad++ if index_of($i, 'plain', '/now/') ne $late;
        file("now/$early");
        $bad++ if index_of($i, 'plain', '/now/') ne $early;
        rename "$web/now/$early", "$web/now/x" or die $!;
        $bad++ if index_of($i, 'plain', '/now/') ne $late;
        unlink "$web/now/$late" or die $!;
        $bad++ if index_of($i, 'plain', '/now/') ne '404';
    }
    is($bad, 0, 'P2, P3, P5: 400 changes of a directory, each seen by the next request');
    return;
}

# Also in a directory that the child has in memory since nothing has changed in
# it for a while.
sub sees_changes_of_settled_directories {
    my %change = (
        comes => [sub { file("$_[0]/index.html") }, 'index.html'],
        linked => [sub { link "$web/$_[0]/default.html", "$web/$_[0]/home.html" or die $! }, 'default.html'],
        symlinked => [sub { symlink 'home.shtml', "$web/$_[0]/index.htm" or die $! }, 'home.shtml'],
        renamed => [sub { rename "$web/$_[0]/default.html", "$web/$_[0]/home.html" or die $! }, 'default.html'],
        moved_in => [sub { rename "$web/first/index.htm", "$web/$_[0]/index.htm" or die $! }, 'index.htm'],
        goes => [sub { unlink "$web/$_[0]/$_" or die $! for 'home.shtml', 'default.html' }, '404'],
        goes_one => [sub { unlink "$web/$_[0]/home.shtml" or die $! }, 'default.html'],
        another_directory => [sub { rename "$web/$_[0]", "$web/settled/old" and rename "$web/settled/new", "$web/$_[0]" or die $! }, 'index.html'],
        a_directory => [sub { mkdir "$web/$_[0]/index.html" or die $! }, '301'],
        nothing => [sub { utime 1, 1, "$web/$_[0]" or die $! }, 'home.shtml'],
    );
    my $one = "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\n";
    my $i = start('own', 'prefork', "${one}MaxKeepAliveRequests 0\nIndexOrder manual\nLogLevel index_order:trace2", module => 1);
    for my $case (keys %change) {
        file("settled/$case/$_", "$_\n") for 'home.shtml', 'default.html';
    }
    file('settled/new/index.html', "index.html\n");
    my $ask = sub { my $r = get($i, 'plain.localhost', "/settled/$_[0]/"); $r->{status} == 200 ? $r->{content} =~ s{\A(?:.*/)?(.*)\n\z}{$1}sr : $r->{status} };
    my ($end, %remembered) = time + 15;
    while (keys %remembered < keys %change && time < $end) {
        for my $case (grep { !$remembered{$_} } keys %change) {
            $ask->($case);
            my $before = logged($i, 'from memory');
            $ask->($case);
            $remembered{$case} = 1 if logged($i, 'from memory') > $before;
        }
        sleep 0.1;
    }
    my $type = qx{stat -f -c %T '$web'};
    SKIP: {
        skip "directories on $type are not remembered", 1 if !%remembered && $type !~ /ext|xfs|btrfs|tmpfs/;
        is(keys %remembered, keys %change, 'settled directories are remembered');
    }
    for my $case (sort keys %change) {
        my ($do, $want) = @{$change{$case}};
        is($ask->($case), 'home.shtml', "settled: $case: home.shtml before");
        $do->("settled/$case");
        is($ask->($case), $want, "P2, P3: settled: $case: $want at once");
    }
    rename "$web/settled/moved_in/index.htm", "$web/first/index.htm" or die $!;
    # Two changes within one tick of the file system's clock, and a look between
    # (a tick is milliseconds on kernels before 6.13, which this is for).
    my $http = connection($i);
    my $bad = 0;
    for my $n (1 .. 300) {
        file("tick/$n/home.shtml", "late\n");
        $bad++ if body_of($http, "/tick/$n/") ne "late\n";
        file("tick/$n/index.html", "early\n");
        $bad++ if body_of($http, "/tick/$n/") ne "early\n";
    }
    is($bad, 0, 'P2: 600 changes within a tick of the clock, each seen at once');
    return;
}

# --- with modules of others -----------------------------------------------------

# A module that may do anything on the way: every name goes through httpd.
sub modules_of_others {
    file('spelt/Index.html');
    file('spelt/default.html');
    my $way = 'CheckSpelling on';
    for my $modules (['speling', $way], ['vhost_alias', "VirtualDocumentRoot \"$web\""], ['cache', 'CacheQuickHandler on']) {
        my ($module, $line) = @$modules;
        my $dir = start('dir', 'event', "DirectoryIndex $LIST\n$line", modules => [$module]);
        my $own = start('own', 'event', "IndexOrder manual\n$line", modules => [$module], module => 1);
        my @differ;
        for my $path ('/six/', '/spelt/', '/spelt/?q', '/first/', '/mv/', '/acc/fdenied/', '/upper/x') {
            my (undef, $want) = answer($dir, {host => 'plain'}, ['GET', $path]);
            my (undef, $got) = answer($own, {host => 'plain'}, ['GET', $path]);
            push @differ, [['GET', $path], $want, $got] if $got ne $want;
        }
        ok(!@differ, "with mod_$module, as mod_dir") or show(@differ);
        is(logged($own, 'without a subrequest'), 0, "mod_$module: nothing is taken for granted");
    }
    my $ssl = start('own', 'event', 'IndexOrder manual', modules => ['ssl'], module => 1);
    is(index_of($ssl, 'plain', '/six/'), 'default.html', 'with mod_ssl');
    is(logged($ssl, 'without a subrequest'), 1, 'mod_ssl is known to be harmless');
    return;
}

# --- conf.d --------------------------------------------------------------------

sub product {
    for my $mpm (qw(event worker prefork)) {
        my $i = Omakase::Instance->new(mpm => $mpm);
        my $tree = $i->site('ab-cdftp', 'example.localhost');
        my $www = 'www.example.localhost';
        $i->put('ab-cdftp', "web/$_/$_", "$_\n") for @MANUAL;
        $i->put('ab-cdftp', "web/all/$_", "$_\n") for @MANUAL;
        $i->put('ab-cdftp', 'web/upper/INDEX.HTML', "upper\n");
        $i->put('ab-cdftp', 'web/own/.htaccess', "DirectoryIndex start.html index.html\n");
        $i->put('ab-cdftp', "web/own/$_", "$_\n") for 'start.html', 'index.html';
        $i->put('ab-cdftp', 'web/listed/.htaccess', "Options +Indexes\n");
        $i->put('ab-cdftp', 'web/listed/file.txt', "file\n");
        $i->put('ab-cdftp', 'web/shut/index.html', "shut\n", 0000);
        $i->start;
        is(get($i, $www, "/$_/")->{content}, "$_\n", "P2: $mpm, conf.d: /$_/ is $_") for grep { !/shtml/ } @MANUAL;
        is(get($i, $www, "/$_/")->{content}, "$_\n", "P2, P11: $mpm, conf.d: /$_/ is $_") for grep {/shtml/} @MANUAL;
        for my $n (0 .. $#MANUAL) {
            is(get($i, $www, '/all/')->{content}, "$MANUAL[$n]\n", "P2: $mpm, conf.d: $MANUAL[$n] is the first");
            unlink "$tree/web/all/$MANUAL[$n]";
        }
        is(get($i, $www, '/all/')->{status}, 404, "P3: $mpm, conf.d: none is left");
        like(get($i, $www, '/all/', 'Accept-Language' => 'ja')->{content}, qr/lang="ja"/, 'P6: with the page of errors.conf');
        is(get($i, $www, '/upper/')->{status}, 404, "P4: $mpm, conf.d: INDEX.HTML is no index");
        is(get($i, $www, "/own/")->{content}, "start.html\n", "P3: $mpm, conf.d: a customer's DirectoryIndex");
        like(get($i, $www, '/listed/')->{content}, qr/file\.txt/, "P3: $mpm, conf.d: a customer's Options +Indexes");
        is(get($i, $www, '/all')->{headers}{location}, "http://$www:" . $i->httpd->port . '/all/', "$mpm, conf.d: the slash");
        SKIP: {
            skip 'modes do not bind httpd here: it runs as its starter', 2 if $>;
            is(get($i, $www, '/shut/')->{status}, 403, "P5: $mpm, conf.d: an unreadable index");
            chmod 0644, "$tree/web/shut/index.html";
            is(get($i, $www, '/shut/')->{status}, 200, 'P5: and chmod 644');
        }
        my @odd = $i->httpd->unexpected(qr/Permission denied|AH01630.*\.htaccess/);
        is("@odd", '', "$mpm, conf.d: nothing unexpected in the error logs");
    }
    return;
}

# --- the man page ------------------------------------------------------------------

sub man_page {
    my $page = Omakase::Instance->new->layout('man') . '/man8/mod_index_order.8';
    ok(-s $page, 'the man page is installed') or return;
    my $text = do { local (@ARGV, $/) = $page; <> };
    for my $name (qw(IndexOrder DirectoryIndex DirectorySlash DirectoryCheckHandler DirectoryIndexRedirect FallbackResource)) {
        like($text, qr/^\.Ss (?:\w+, )*$name\b/m, "and has $name");
        like($text, qr/^\.Ic $name /m, "and $name\'s syntax");
    }
    my $lint = qx{mandoc -T lint -W warning '$page' 2>&1};
    is($lint, '', 'mandoc has nothing against it');
    return;
}

# --- memory ---------------------------------------------------------------------

# What a request takes it gives back: one child, one connection, both ways of
# finding an index and none at all.
sub memory_is_flat {
    my $one = "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaxRequestWorkers 1\nMaxKeepAliveRequests 0\n";
    my $i = start('own', 'prefork', "${one}IndexOrder manual", module => 1);
    my ($child) = $i->httpd->children;
    my $http = connection($i);
    my $ask = sub {
        body_of($http, $_) for map { ('/six/', '/mv2/', '/empty/', '/first/') } 1 .. $_[0] / 4;
        return rss_anon_kib($child);
    };
    my $before = $ask->(4000);
    my $grown = $ask->(8000) - $before;
    cmp_ok($grown, '<', 64, "memory: 8000 requests of one connection, $grown KiB more");
    return;
}

sub connection {
    my ($i) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $i->httpd->port) // die "connect: $!";
}

# One request of a connection that is kept.
sub body_of {
    my ($http, $path) = @_;
    my ($length, $line, $body) = 0;
    print {$http} "GET $path HTTP/1.1\r\nHost: plain.localhost\r\n\r\n";
    while (defined($line = <$http>) && $line ne "\r\n") {
        $length = $1 if $line =~ /^Content-Length: (\d+)/i;
    }
    read $http, $body, $length;
    return $body;
}

sub rss_anon_kib {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/status" or die "$pid: $!";
    my ($kib) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$fh>;
    return $kib;
}
