"""autoupload_urllib.py ADDRESS FILE: the form by Python's standard library, made by hand."""
import sys
import urllib.request

address, path = sys.argv[1:]
boundary = "----------ThIs_Is_tHe_bouNdaRY_$"
with open(path, "rb") as f:
    torrent = f.read()
body = b"\r\n".join([
    b"--" + boundary.encode(),
    b'Content-Disposition: form-data; name="torrent"; filename="my.torrent"',
    b"Content-Type: application/x-bittorrent",
    b"",
    torrent,
    b"--" + boundary.encode() + b"--",
    b"",
])
request = urllib.request.Request(
    "http://%s/autoupload.php" % address, body,
    {"Content-Type": "multipart/form-data; boundary=" + boundary})
with urllib.request.urlopen(request) as response:
    print(response.read().decode().strip())
