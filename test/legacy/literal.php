<?php
// php literal.php ADDRESS FILE: the document/literal service, which encodes the file itself.
$client = new SoapClient("http://{$argv[1]}/api/cache.wsdl");
echo $client->cacheTorrent(array('torrent' => file_get_contents($argv[2])))->Result;
