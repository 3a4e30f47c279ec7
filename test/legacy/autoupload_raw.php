<?php
// php autoupload_raw.php ADDRESS FILE: a form made by hand, and an answer taken
// apart by hand, as in torrage's documentation.
list($host, $port) = explode(':', $argv[1]);
$boundary = '---------------------' . substr(md5(rand(0, 32000)), 0, 10);

$data  = "--$boundary\r\n";
$data .= "Content-Disposition: form-data; name=\"torrent\"; filename=\"" . basename($argv[2]) . "\"\r\n";
$data .= "Content-Type: application/x-bittorrent\r\n";
$data .= "Content-Transfer-Encoding: binary\r\n\r\n";
$data .= file_get_contents($argv[2]) . "\r\n";
$data .= "--$boundary--\r\n\r\n";

$request  = "POST /autoupload.php HTTP/1.1\r\n";
$request .= "Host: $host\r\n";
$request .= "Content-Type: multipart/form-data; boundary=$boundary\r\n";
$request .= "Content-Length: " . strlen($data) . "\r\n";
$request .= "Connection: close\r\n\r\n";

$fp = fsockopen($host, $port) or die("no connection\n");
fwrite($fp, $request . $data);
$response = '';
while (!feof($fp)) {
    $response .= fgets($fp, 1024);
}
fclose($fp);

$pieces = explode("\r\n", $response);
echo substr(array_pop($pieces), 0, 40);
