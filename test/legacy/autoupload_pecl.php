<?php
// php autoupload_pecl.php ADDRESS FILE: the form by pecl_http, the hash from the header.
$request = new http\Client\Request('POST', "http://{$argv[1]}/autoupload.php");
$request->getBody()->addForm(null, array(array(
    'name' => 'torrent',
    'type' => 'application/x-bittorrent',
    'file' => $argv[2],
)));
$client = new http\Client;
$response = $client->enqueue($request)->send()->getResponse();
if ($hash = $response->getHeader('X-Torrage-Infohash')) {
    echo $hash;
} else {
    echo trim($response->getBody());
}
