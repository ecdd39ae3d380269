// exclusive load order with eval times? count + time for subpaths
for (const set of ['@bufbuild/protobuf','@bufbuild/protobuf/reflect','@bufbuild/protobuf/wkt','@bufbuild/protobuf/codegenv2','@connectrpc/connect','@connectrpc/connect/protocol','@connectrpc/connect-node']) {
 }
