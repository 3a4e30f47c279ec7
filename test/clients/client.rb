# A gRPC client in Ruby: ruby -I . client.rb ADDRESS SECONDS cache FILE | get HASH FILE
#
# Prints the info hash, or on failure the reason (else the status code). The files required below are made
# by protoc and grpc_ruby_plugin from torrentcache/v1/cache_service.proto and status.proto.
require 'google/protobuf/well_known_types'
require 'grpc'
require 'status_pb'
require 'torrentcache/v1/cache_service_services_pb'

def reason_of(error)
  bytes = error.metadata['grpc-status-details-bin']
  details = bytes ? Google::Rpc::Status.decode(bytes).details : []
  details.each do |detail|
    info = detail.unpack(Google::Rpc::ErrorInfo)
    return info.reason if info && info.domain == 'torrentcache'
  end
  error.code == GRPC::Core::StatusCodes::DEADLINE_EXCEEDED ? 'DEADLINE_EXCEEDED' : error.code
end

address, seconds, verb, *args = ARGV
stub = Torrentcache::V1::CacheService::Stub.new(
  address, :this_channel_is_insecure,
  channel_args: { 'grpc.max_receive_message_length' => 11 << 20 }, # the default is 4 MiB
  timeout: seconds.to_f
)
begin
  if verb == 'cache'
    puts stub.cache_torrent(Torrentcache::V1::CacheTorrentRequest.new(torrent: File.binread(args[0]))).info_hash
  else
    answer = stub.get_torrent(Torrentcache::V1::GetTorrentRequest.new(info_hash: args[0]))
    File.binwrite(args[1], answer.torrent)
    puts answer.info_hash
  end
rescue GRPC::BadStatus => e
  puts reason_of(e)
end
