"""Answers for each torrent on standard input what libtorrent makes of it.

A torrent comes as its length, 4 bytes big-endian, and its bytes. The answer is
one line of JSON. Torrents of length 0 ask for one that libtorrent makes
itself; that answer has its bytes in base64.
"""

import base64
import json
import os
import random
import struct
import sys
import tempfile

import libtorrent as lt


def answer(data):
    try:
        info = lt.torrent_info(data)
    except (RuntimeError, UnicodeDecodeError, SystemError) as e:
        return {"error": str(e)}
    hashes, files = info.info_hashes(), info.files()
    return {
        "v1": hashes.v1.to_bytes().hex() if hashes.has_v1() else "",
        "v2": hashes.v2.to_bytes().hex() if hashes.has_v2() else "",
        "size": sum(files.file_size(i) for i in range(files.num_files())
                    if not files.file_flags(i) & lt.file_storage.flag_pad_file),
        "pieces": info.num_pieces(),
        "private": info.priv(),
    }


def make(rng):
    """Returns a torrent as libtorrent's create_torrent writes it."""
    kind = rng.choice([lt.create_torrent.v1_only, lt.create_torrent.v2_only, 0])
    with tempfile.TemporaryDirectory() as root:
        top = os.path.join(root, "payload")
        storage = lt.file_storage()
        for i in range(rng.randint(1, 6)):
            path = os.path.join(top, rng.choice(["a", "b", "."]), "file%d" % i)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(rng.randbytes(rng.choice([0, 1, 16384, 70000, 200000])))
        with open(os.path.join(top, "last"), "wb") as f:
            f.write(rng.randbytes(50000))
        lt.add_files(storage, top)
        torrent = lt.create_torrent(storage, rng.choice([0, 16384, 32768]), flags=kind)
        torrent.add_tracker("http://tracker.example/announce", 0)
        lt.set_piece_hashes(torrent, root)
        return lt.bencode(torrent.generate())


def main():
    if lt.__version__ != "2.0.8.0":
        sys.exit("want libtorrent 2.0.8, found " + lt.__version__)
    rng = random.Random(int(sys.argv[1]))
    while header := sys.stdin.buffer.read(4):
        size, = struct.unpack(">I", header)
        if size == 0:
            reply = {"torrent": base64.b64encode(make(rng)).decode()}
        else:
            reply = answer(sys.stdin.buffer.read(size))
        print(json.dumps(reply), flush=True)


main()
