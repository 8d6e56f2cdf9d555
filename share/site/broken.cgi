#!/usr/local/bin/perl
# A script from another server, where Perl was elsewhere: it does not run here,
# and the error log says what to write instead.
print "Content-Type: text/plain\n\nHello.\n";
