#!/usr/bin/perl
# perl soap.pl ADDRESS FILE: the Perl script of torrage's documentation.
use SOAP::Lite;
use MIME::Base64;

my ($address, $file) = @ARGV;
my ($tor, $buf);

open(FILE, $file) or die "$file: $!";
binmode FILE;
while (read(FILE, $buf, 60*57)) {
    $tor .= encode_base64($buf);
}
close(FILE);

print SOAP::Lite->service("http://$address/api/torrage.wsdl")->cacheTorrent($tor);
