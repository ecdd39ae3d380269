// The server that Connect's conformance suite tests: rpc-server, alone or behind the fault proxy. The suite writes to standard input what
// the server must support, and reads its address from standard output. Arguments: the descriptors of the suite's protos, and `--proxy`.
import { readFile } from 'node:fs/promises';
import { create, createFileRegistry, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createContextKey, createContextValues } from '@connectrpc/connect';
import { startFaultProxy } from '@touchstone/kit';
import { createRpcServer, findClientCertificate } from '@touchstone/rpc-server';
import { createConformanceService, findConformanceService } from './conformance-service.ts';

type ServerRequest = Message & {
  readonly useTls: boolean;
  readonly clientTlsCert: Uint8Array;
  readonly messageReceiveLimit: number;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
};

const SIZE_BYTES = 4;
const IS_CERTIFIED = createContextKey(true, { description: 'whether the client has shown a certificate' });

const [imageFile = '', ...flags] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(imageFile)));
const schemaOf = (name: string) => {
  const schema = registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (schema === undefined) throw new Error(`${imageFile} has no ${name}`);
  return schema;
};

const request = fromBinary(schemaOf('ServerCompatRequest'), await readSized()) as ServerRequest;
const { useTls, clientTlsCert, messageReceiveLimit, serverCreds } = request;
const isCertificateNeeded = clientTlsCert.length > 0;
const tls =
  useTls && serverCreds !== undefined
    ? {
        cert: Buffer.from(serverCreds.cert),
        key: Buffer.from(serverCreds.key),
        ...(isCertificateNeeded ? { ca: Buffer.from(clientTlsCert) } : {}),
      }
    : undefined;

const server = createRpcServer({
  routes: (router) => {
    router.service(findConformanceService(registry), createConformanceService(registry));
  },
  ...(tls === undefined ? {} : { tls }),
  contextValues: (incoming) =>
    createContextValues().set(IS_CERTIFIED, !isCertificateNeeded || findClientCertificate(incoming) !== undefined),
  admit: ({ values }) => {
    if (!values.get(IS_CERTIFIED)) throw new ConnectError('a certificate is needed', Code.Unauthenticated);
  },
  jsonOptions: { registry },
  ...(messageReceiveLimit > 0 ? { maxRequestBytes: messageReceiveLimit } : {}),
});
const { url } = await server.listen();
const proxy = flags.includes('--proxy') ? await startFaultProxy({ upstream: url }) : undefined;
const { hostname, port } = new URL(proxy?.url ?? url);
const answer = { host: hostname, port: Number(port), pemCert: serverCreds?.cert ?? new Uint8Array() };
const bytes = toBinary(
  schemaOf('ServerCompatResponse'),
  create(schemaOf('ServerCompatResponse'), answer as Record<string, unknown>),
);
const size = Buffer.alloc(SIZE_BYTES);
size.writeUInt32BE(bytes.length);
process.stdout.write(Buffer.concat([size, bytes]));
process.on('SIGTERM', () => process.exit(0));

async function readSized(): Promise<Buffer> {
  let read = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    read = Buffer.concat([read, chunk as Buffer]);
    if (read.length >= SIZE_BYTES && read.length >= SIZE_BYTES + read.readUInt32BE())
      return read.subarray(SIZE_BYTES, SIZE_BYTES + read.readUInt32BE());
  }
  throw new Error('the suite has said nothing');
}
