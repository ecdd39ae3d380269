// A gRPC client without our schema: it gets the schema from the server by reflection, as grpcurl does.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';

const OPTIONS: Options = { keepCase: false, longs: String, enums: String, defaults: true, oneofs: true };
const REFLECTION_PROTO = join(
  dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json')),
  'build/proto/grpc/reflection/v1/reflection.proto',
);

type ReflectionStream = ClientDuplexStream<object, ReflectionResponse>;
type ReflectionResponse = {
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse?: { readonly errorMessage: string };
};

/** Connects to `host:port` and makes a client of a service by its full name. Close it when done. */
export async function connectByReflection(address: string, service: string): Promise<Client> {
  const definition = await reflect(address, service);
  const Constructor = serviceConstructor(definition, service);
  return new Constructor(address, credentials.createInsecure());
}

/** Makes a promise of a unary call of a dynamic client, as `headers` say who calls. Rejects with grpc-js' ServiceError. */
export function callUnary<Response>(
  client: Client,
  method: string,
  request: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  const call = Reflect.get(client, method) as (
    request: object,
    metadata: Metadata,
    done: (error: Error | null, response: Response) => void,
  ) => void;
  return new Promise((resolve, reject) => {
    call.call(client, request, Metadata.fromHttp2Headers(headers), (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });
}

async function reflect(address: string, service: string): Promise<PackageDefinition> {
  const Reflection = serviceConstructor(loadSync(REFLECTION_PROTO, OPTIONS), 'grpc.reflection.v1.ServerReflection');
  const client = new Reflection(address, credentials.createInsecure());
  const openStream = Reflect.get(client, 'serverReflectionInfo') as () => ReflectionStream;
  const stream = openStream.call(client);
  try {
    const answers = stream[Symbol.asyncIterator]();
    const ask = async (question: object): Promise<FileDescriptorProto[]> => {
      stream.write(question);
      const { value } = (await answers.next()) as { value?: ReflectionResponse };
      if (value?.fileDescriptorResponse === undefined)
        throw new Error(value?.errorResponse?.errorMessage ?? 'no answer');
      return value.fileDescriptorResponse.fileDescriptorProto.map((bytes) =>
        fromBinary(FileDescriptorProtoSchema, bytes),
      );
    };
    const files = new Map<string, FileDescriptorProto>();
    const add = (found: FileDescriptorProto[]): void => {
      for (const file of found) files.set(file.name, file);
    };
    add(await ask({ fileContainingSymbol: service }));
    for (let missing = missingFile(files); missing !== undefined; missing = missingFile(files)) {
      add(await ask({ fileByFilename: missing }));
    }
    const set = create(FileDescriptorSetSchema, { file: [...files.values()] });
    return loadFileDescriptorSetFromBuffer(Buffer.from(toBinary(FileDescriptorSetSchema, set)), OPTIONS);
  } finally {
    stream.end();
    client.close();
  }
}

function missingFile(files: ReadonlyMap<string, FileDescriptorProto>): string | undefined {
  return [...files.values()].flatMap((file) => file.dependency).find((name) => !files.has(name));
}

function serviceConstructor(definition: PackageDefinition, service: string): ServiceClientConstructor {
  let found: unknown = loadPackageDefinition(definition);
  for (const part of service.split('.')) found = Reflect.get(found as object, part);
  return found as ServiceClientConstructor;
}

/** Opens a server stream of a dynamic client and collects its messages. */
export function readStream<Answer>(client: Client, method: string, request: object) {
  const open = Reflect.get(client, method) as (request: object) => ClientReadableStream<Answer>;
  const stream = open.call(client, request);
  const answers: Answer[] = [];
  const ended = Promise.withResolvers<ServiceError | undefined>();
  stream.on('data', (answer: Answer) => answers.push(answer));
  stream.on('error', (error: ServiceError) => ended.resolve(error));
  stream.on('end', () => ended.resolve(undefined));
  return { answers, ended: ended.promise, cancel: () => stream.cancel() };
}
