"""literal_zeep.py ADDRESS FILE: the document/literal service by Python's zeep."""
import sys

import zeep

address, path = sys.argv[1:]
with open(path, "rb") as f:
    torrent = f.read()
print(zeep.Client("http://%s/api/cache.wsdl" % address).service.cacheTorrent(torrent))
