<?php
// php autoupload_curl.php ADDRESS FILE: the form by PHP's curl.
$ch = curl_init("http://{$argv[1]}/autoupload.php");
curl_setopt($ch, CURLOPT_POST, true);
curl_setopt($ch, CURLOPT_POSTFIELDS, array(
    'torrent' => new CURLFile($argv[2], 'application/x-bittorrent'),
));
curl_setopt($ch, CURLOPT_RETURNTRANSFER, true);
echo trim(curl_exec($ch));
