<?php
// php soap.php ADDRESS FILE: the PHP script of torrage's documentation.
$client = new SoapClient("http://{$argv[1]}/api/torrage.wsdl");
$infoHash = $client->cacheTorrent(base64_encode(file_get_contents($argv[2])));
echo $infoHash;
