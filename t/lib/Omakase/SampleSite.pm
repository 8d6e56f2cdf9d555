package Omakase::SampleSite;

# The two sample customers, each with a site: what `./bootstrap run` shows and
# the tests look at.
#
#   Omakase::SampleSite::install($instance);   # before $instance->start

use v5.30;
use warnings;
use Carp;
use File::Find ();
use File::Path qw(make_path remove_tree);

# [login, domain, directory below share/]
my @CUSTOMERS = (
    ['ab-cdftp', 'example.localhost', 'site'],
    ['cdftp', 'other.localhost', 'site2'],
);

# Declares both customers in the instance and gives each the sample site. A
# web/ that holds anything is the customer's own by now and stays as it is.
sub install {
    my ($instance) = @_;
    for (@CUSTOMERS) {
        my ($login, $domain, $from) = @$_;
        my $tree = $instance->site($login, $domain);
        my $web = "$tree/web";
        next if _holds_something($web);
        # All or nothing: an interrupted copy is not taken for a site.
        my $new = "$web.new";
        remove_tree($new);
        _copy($instance->layout('share') . "/$from", $new, $domain);
        rmdir $web or croak "$web: $!";
        rename $new, $web or croak "$new: $!";
    }
    return;
}

sub _holds_something {
    my ($dir) = @_;
    opendir my $dh, $dir or croak "$dir: $!";
    return !!grep { !/\A\.\.?\z/ } readdir $dh;
}

sub _copy {
    my ($from, $to, $domain) = @_;
    croak "$from: no sample site there (make install?)" if !-d $from;
    File::Find::find({no_chdir => 1, wanted => sub {
        my $target = $to . substr $File::Find::name, length $from;
        if (-d) {
            make_path($target);
            chmod 0755, $target;
            return;
        }
        my $text = _read($_) =~ s/\@DOMAIN\@/$domain/gr;
        open my $fh, '>:raw', $target or croak "$target: $!";
        print {$fh} $text;
        close $fh or croak "$target: $!";
        chmod 0644, $target;
    }}, $from);
    return;
}

sub _read {
    my ($file) = @_;
    open my $fh, '<:raw', $file or croak "$file: $!";
    local $/;
    return <$fh> // '';
}

1;
