// The schema of a running service, by reflection of servers that answer in different ways.
import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, type DescFile, toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { reflectSchema } from '@touchstone/kit';
import { ServerReflection } from '@touchstone/rpc-server';
import { expect, it } from 'vitest';
import { file_library_v1_library } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

const find = { name: 'Find', inputType: '.library.v1.Book', outputType: '.library.v1.Book' };
const shelf = create(FileDescriptorProtoSchema, {
  name: 'shelf.proto',
  package: 'shelf.v1',
  syntax: 'proto3',
  dependency: [file_library_v1_library.proto.name],
  service: [
    { name: 'ShelfService', method: [find] },
    { name: 'FormerService', method: [find] },
  ],
});

/** Returns a file after those that it imports. */
function withImports(file: DescFile): FileDescriptorProto[] {
  return [...file.dependencies.flatMap(withImports), file.proto];
}

const all = [...withImports(file_library_v1_library), shelf];

const LISTED = { case: 'listServicesResponse' as const, value: { service: [{ name: 'shelf.v1.ShelfService' }] } };

/** Starts a server that has one of the two services of a file, and returns these files for a question. */
async function startServer(answer: (asked: FileDescriptorProto) => readonly FileDescriptorProto[]) {
  const answerFile = (name: string) => {
    const asked = all.find((file) => file.name === name) ?? shelf;
    const fileDescriptorProto = answer(asked).map((file) => toBinary(FileDescriptorProtoSchema, file));
    return { case: 'fileDescriptorResponse' as const, value: { fileDescriptorProto } };
  };
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(ServerReflection, {
        async *serverReflectionInfo(requests) {
          for await (const { messageRequest } of requests) {
            const isList = messageRequest.case === 'listServices';
            yield { messageResponse: isList ? LISTED : answerFile(String(messageRequest.value)) };
          }
        },
      }),
  });
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

it.each([
  { what: 'each file alone', answer: (asked: FileDescriptorProto) => [asked] },
  { what: 'a file with all that it imports', answer: () => all },
])('has the services that the server lists, and all their types, if it sends $what', async ({ answer }) => {
  await using server = await startServer(answer);

  const { services, registry } = await reflectSchema(server.url);

  expect(services.map(({ typeName }) => typeName)).toEqual(['shelf.v1.ShelfService']);
  expect(registry.getMessage('google.protobuf.Timestamp')).toBeDefined();
});
