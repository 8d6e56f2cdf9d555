package Omakase::Weblog;

# What the tests of the access log share.

use v5.30;
use warnings;
use Exporter 'import';
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(generations lines loggers slurp until_true);

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return '';
    local $/;
    return <$fh> // '';
}

# True once it is so; false after $seconds (30).
sub until_true (&;$) {
    my ($test, $seconds) = @_;
    my $end = time + ($seconds // 30);
    until ($test->()) {
        return 0 if time > $end;
        sleep 0.02;
    }
    return 1;
}

# The files of a log (web.log, error.log) in a tree, the oldest first: past
# generations, those that wait for their compression, and the current one.
sub generations {
    my ($tree, $name) = @_;
    my $log = "$tree/log";
    return grep {-e} (map {"$log/$name.$_.gz"} reverse 1 .. 9),
        (sort grep {/\.\d{10}\z/} glob "$log/.$name.*"), "$log/$name";
}

# All lines of all generations. Dies of a gzip file that is not whole.
sub lines {
    my ($tree, $name) = @_;
    my @lines;
    for my $file (generations($tree, $name)) {
        my $text = slurp($file);
        if ($file =~ /\.gz\z/) {
            gunzip(\(my $packed = $text), \my $plain) or die "$file: $GunzipError";
            $text = $plain;
        }
        push @lines, split /^/, $text;
    }
    return @lines;
}

# Pids of the loggers that write below a root.
sub loggers {
    my ($root) = @_;
    my @pids;
    for my $file (glob '/proc/[0-9]*/cmdline') {
        my @words = split /\0/, slurp($file);
        push @pids, $file =~ /(\d+)/
            if @words && $words[0] =~ m{/omakase-weblog\z} && grep { index($_, "$root/") == 0 } @words;
    }
    return @pids;
}

1;
