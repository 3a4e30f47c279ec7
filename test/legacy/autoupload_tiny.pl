#!/usr/bin/perl
# perl autoupload_tiny.pl ADDRESS FILE: the form by HTTP::Tiny, which comes with Perl.
use strict;
use HTTP::Tiny;

my ($address, $path) = @ARGV;
open(my $file, '<:raw', $path) or die "$path: $!";
my $torrent = do { local $/; <$file> };

my $boundary = 'xYzZY';
my $body = join("\r\n", "--$boundary", 'Content-Disposition: form-data; name="torrent"; filename="my.torrent"',
    'Content-Type: application/x-bittorrent', '', $torrent, "--$boundary--", '');
my $response = HTTP::Tiny->new->post("http://$address/autoupload.php",
    { headers => { 'Content-Type' => "multipart/form-data; boundary=$boundary" }, content => $body });
print $response->{headers}{'x-torrage-infohash'} || $response->{content};
