"""soap_zeep.py ADDRESS FILE: the legacy service by Python's zeep."""
import base64
import sys

import zeep

address, path = sys.argv[1:]
with open(path, "rb") as f:
    torrent = base64.b64encode(f.read()).decode()
client = zeep.Client("http://%s/api/torrage.wsdl" % address, settings=zeep.Settings(xml_huge_tree=True))
print(client.service.cacheTorrent(torrent))
