"""soap_suds.py ADDRESS FILE: the legacy service by Python's suds."""
import base64
import sys

from suds.client import Client

address, path = sys.argv[1:]
with open(path, "rb") as f:
    torrent = base64.b64encode(f.read()).decode()
print(Client("http://%s/api/torrage.wsdl" % address, cache=None).service.cacheTorrent(torrent))
