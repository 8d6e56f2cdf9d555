package Omakase::SampleSite;

# The two sample customers, each with a site: what `./bootstrap run` shows and
# the tests look at.
#
#   Omakase::SampleSite::install($instance);   # before $instance->start
#
# or, into the web/ of a customer that omakase has made, with the guest book:
#
#   Omakase::SampleSite::write_as(['ab-cdftp', $uid, $gid], $web, $share, $from, $domain, $config);

use v5.30;
use warnings;
use Carp;
use Fcntl qw(O_CREAT O_EXCL O_NOFOLLOW O_WRONLY);
use File::Find ();
use File::Path qw(make_path remove_tree);
use POSIX ();

# [login, domain, directory below share/]
my @CUSTOMERS = (
    ['ab-cdftp', 'example.localhost', 'site'],
    ['cdftp', 'other.localhost', 'site2'],
);

sub customers { map { [@$_] } @CUSTOMERS }

# Declares both customers in the instance and gives each the sample site. A
# web/ that holds anything is the customer's own by now and stays as it is.
sub install {
    my ($instance) = @_;
    for (@CUSTOMERS) {
        my ($login, $domain, $from) = @$_;
        my $tree = $instance->site($login, $domain);
        my $web = "$tree/web";
        next if _entries($web);
        # All or nothing: an interrupted copy is not taken for a site.
        my $new = "$web.new";
        remove_tree($new);
        my %file = _files($instance->layout('share') . "/$from", $domain);
        while (my ($path, $text) = each %file) {
            make_path("$new/$path" =~ s{/[^/]*\z}{}r);
            _put("$new/$path", $text, 0644);
        }
        File::Find::find(sub { chmod 0755, $_ if -d }, $new);
        rmdir $web or croak "$web: $!";
        rename $new, $web or croak "$new: $!";
    }
    return;
}

# Writes the site as the customer [login, uid, gid], who owns what is in web/
# and may have put anything there: started by root, a child gives root up
# first, so that no link of the customer's leads to where only root may write.
# A site that is there stays as it is; one that was interrupted is completed.
# $config is the text of the guest book's config.php, undef for no guest book;
# $cgi whether CGI scripts run.
# False when the child failed; it has said why.
sub write_as {
    my ($who, $web, @site) = @_;
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        my $ok = eval {
            _become(@$who) if $> == 0;
            _write($web, @site);
            1;
        };
        print STDERR $@ if !$ok;
        POSIX::_exit($ok ? 0 : 1);
    }
    waitpid $pid, 0;
    return $? == 0;
}

# Groups first, then the group, the user last.
sub _become {
    my ($login, $uid, $gid) = @_;
    $uid > 0 && $gid > 0 or die "$login: is root\n";
    $) = "$gid $gid";
    POSIX::setgid($gid) && POSIX::setuid($uid) or die "$login: cannot become uid $uid: $!\n";
    $> == $uid && $< == $uid && $) eq "$gid $gid" && $( =~ /\A$gid\b/ or die "$login: still another user\n";
    POSIX::setuid(0) and die "$login: can be root again\n";
    return;
}

# The name of what says that the copy is not complete.
my $MARK = '.sample-site';

sub _write {
    my ($web, $share, $from, $domain, $config, $cgi) = @_;
    umask 022;
    chdir $web or die "$web: $!\n";
    my @there = _entries('.');
    return if @there && !grep { $_ eq $MARK } @there;
    mkdir $MARK; # is there after an interruption
    my %file = _files("$share/$from", $domain, php => defined $config, cgi => $cgi);
    for my $path (sort keys %file) {
        make_path($path =~ s{/?[^/]*\z}{}r || '.', {mode => 0755});
        _put_new($path, $file{$path}, $path =~ /\.cgi\z/ ? 0755 : 0644);
    }
    _put_new('config.php', $config, 0600) if defined $config && -e 'guestbook.php';
    rmdir $MARK or die "$web/$MARK: $!\n";
    return;
}

# A file is there whole, or not at all; one that is there is left.
sub _put_new {
    my ($path, $text, $mode) = @_;
    return if -l $path || -e _;
    unlink "$path.new";
    _put("$path.new", $text, $mode);
    rename "$path.new", $path or die "$path: $!\n";
    return;
}

sub _put {
    my ($path, $text, $mode) = @_;
    sysopen my $fh, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, $mode or croak "$path: $!";
    binmode $fh;
    print {$fh} $text;
    chmod $mode, $fh;
    close $fh or croak "$path: $!";
    return;
}

sub _entries {
    my ($dir) = @_;
    opendir my $dh, $dir or croak "$dir: $!";
    return grep { !/\A\.\.?\z/ } readdir $dh;
}

# path => text. Without PHP the guest book and every line that links to it go;
# without CGI what is a script.
sub _files {
    my ($from, $domain, %has) = @_;
    croak "$from: no sample site there (make install?)" if !-d $from;
    my %file;
    File::Find::find({no_chdir => 1, wanted => sub {
        return if -d || (!$has{php} && /\.php\z/) || (!$has{cgi} && /\.cgi\z/);
        my $text = _read($_) =~ s/\@DOMAIN\@/$domain/gr;
        $text =~ s{^.*href="/guestbook\.php.*\n}{}mg if !$has{php};
        $text =~ s{^.*href="/(?:contact|today|broken)\.cgi.*\n}{}mg if !$has{cgi};
        $file{substr $File::Find::name, 1 + length $from} = $text;
    }}, $from);
    return %file;
}

sub _read {
    my ($file) = @_;
    open my $fh, '<:raw', $file or croak "$file: $!";
    local $/;
    return <$fh> // '';
}

1;
