#!/usr/bin/perl
# perl autoupload.pl ADDRESS FILE: the form by LWP, the hash from the header.
use LWP::UserAgent;
use HTTP::Request::Common;

my ($address, $file) = @ARGV;
my $response = LWP::UserAgent->new->request(POST "http://$address/autoupload.php",
    Content_Type => 'form-data',
    Content      => [ torrent => [ $file, 'my.torrent', Content_Type => 'application/x-bittorrent' ] ]);
print $response->header('X-Torrage-Infohash') || $response->content;
