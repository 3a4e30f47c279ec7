// A gRPC client in Node: node client.js PROTO-DIR STATUS-PROTO ADDRESS SECONDS cache FILE | get HASH FILE
//
// Prints the info hash, or on failure the reason (else the status code). Needs the npm packages
// @grpc/grpc-js and @grpc/proto-loader; the .proto file is read as it is.
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const [protoDir, statusProto, address, seconds, verb, ...args] = process.argv.slice(2);
const definition = loader.loadSync('torrentcache/v1/cache_service.proto', { includeDirs: [protoDir] });
const { CacheService } = grpc.loadPackageDefinition(definition).torrentcache.v1;
const google = protobuf.loadSync(statusProto).lookup('google.rpc');

function reasonOf(error) {
  for (const bytes of error.metadata.get('grpc-status-details-bin')) {
    for (const detail of google.lookupType('Status').decode(bytes).details) {
      if (!detail.type_url.endsWith('/google.rpc.ErrorInfo')) continue;
      const info = google.lookupType('ErrorInfo').decode(detail.value);
      if (info.domain === 'torrentcache') return info.reason;
    }
  }
  return grpc.status[error.code];
}

const client = new CacheService(address, grpc.credentials.createInsecure(), {
  'grpc.max_receive_message_length': 11 << 20, // the default is 4 MiB
});
const options = { deadline: Date.now() + 1000 * Number(seconds) };
const done = (error, answer) => {
  if (!error && verb === 'get') fs.writeFileSync(args[1], answer.torrent);
  console.log(error ? reasonOf(error) : answer.infoHash);
  client.close();
};
if (verb === 'cache') client.CacheTorrent({ torrent: fs.readFileSync(args[0]) }, options, done);
else client.GetTorrent({ infoHash: args[0] }, options, done);
