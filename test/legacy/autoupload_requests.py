"""autoupload_requests.py ADDRESS FILE: the form by Python's requests."""
import sys

import requests

address, path = sys.argv[1:]
with open(path, "rb") as f:
    response = requests.post("http://%s/autoupload.php" % address, files={"torrent": f})
print(response.headers.get("X-Torrage-Infohash") or response.text)
