<?php
// php soap_nowsdl.php ADDRESS FILE: without a WSDL, so the part has no name of its own.
$client = new SoapClient(null, array(
    'location' => "http://{$argv[1]}/api/index.php",
    'uri'      => 'urn:xmethods-delayed-quotes',
));
echo $client->__soapCall('cacheTorrent', array(base64_encode(file_get_contents($argv[2]))));
