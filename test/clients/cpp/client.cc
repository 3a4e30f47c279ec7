// A gRPC client in C++: client ADDRESS SECONDS cache FILE | get HASH FILE
//
// Prints the info hash, or on failure the reason (else the status code). The headers below are made by
// protoc and grpc_cpp_plugin from torrentcache/v1/cache_service.proto and status.proto.
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include <grpcpp/grpcpp.h>

#include "status.pb.h"
#include "torrentcache/v1/cache_service.grpc.pb.h"

using namespace torrentcache::v1;

std::string ReasonOf(const grpc::Status& failed) {
  google::rpc::Status status;
  status.ParseFromString(failed.error_details());
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info) && info.domain() == "torrentcache") return info.reason();
  }
  return failed.error_code() == grpc::DEADLINE_EXCEEDED ? "DEADLINE_EXCEEDED" : std::to_string(failed.error_code());
}

int main(int argc, char** argv) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(11 << 20);  // the default is 4 MiB
  auto stub = CacheService::NewStub(grpc::CreateCustomChannel(argv[1], grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(int(1000 * std::stod(argv[2]))));

  std::string hash;
  grpc::Status status;
  if (std::string(argv[3]) == "cache") {
    std::ifstream file(argv[4], std::ios::binary);
    CacheTorrentRequest request;
    request.set_torrent(std::string(std::istreambuf_iterator<char>(file), {}));
    CacheTorrentResponse answer;
    status = stub->CacheTorrent(&context, request, &answer);
    hash = answer.info_hash();
  } else {
    GetTorrentRequest request;
    request.set_info_hash(argv[4]);
    GetTorrentResponse answer;
    status = stub->GetTorrent(&context, request, &answer);
    if (status.ok()) std::ofstream(argv[5], std::ios::binary) << answer.torrent();
    hash = answer.info_hash();
  }
  std::cout << (status.ok() ? hash : ReasonOf(status)) << std::endl;
}
