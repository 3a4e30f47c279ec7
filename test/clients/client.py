"""A gRPC client in Python: python3 client.py ADDRESS SECONDS cache FILE | get HASH FILE

Prints the info hash, or on failure the reason (else the status code). The modules below are made by
protoc and grpc_python_plugin from torrentcache/v1/cache_service.proto and status.proto.
"""

import sys

import grpc
import status_pb2
from torrentcache.v1 import cache_service_pb2 as pb
from torrentcache.v1 import cache_service_pb2_grpc as service


def reason_of(error):
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = status_pb2.ErrorInfo()
                if detail.Unpack(info) and info.domain == "torrentcache":
                    return info.reason
    return error.code().name


def main(address, seconds, verb, *args):
    options = [("grpc.max_receive_message_length", 11 << 20)]  # the default is 4 MiB
    with grpc.insecure_channel(address, options) as channel:
        stub = service.CacheServiceStub(channel)
        try:
            if verb == "cache":
                with open(args[0], "rb") as file:
                    request = pb.CacheTorrentRequest(torrent=file.read())
                print(stub.CacheTorrent(request, timeout=float(seconds)).info_hash)
            else:
                answer = stub.GetTorrent(pb.GetTorrentRequest(info_hash=args[0]), timeout=float(seconds))
                with open(args[1], "wb") as file:
                    file.write(answer.torrent)
                print(answer.info_hash)
        except grpc.RpcError as error:
            print(reason_of(error))


main(*sys.argv[1:])
