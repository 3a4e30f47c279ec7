<?php
// php soap12.php ADDRESS FILE: as soap.php, speaking SOAP 1.2 and gzip.
$client = new SoapClient("http://{$argv[1]}/api/torrage.wsdl", array(
    'soap_version' => SOAP_1_2,
    'compression'  => SOAP_COMPRESSION_ACCEPT | SOAP_COMPRESSION_GZIP | 5,
    'user_agent'   => 'uploader/0.1',
));
echo $client->cacheTorrent(base64_encode(file_get_contents($argv[2])));
