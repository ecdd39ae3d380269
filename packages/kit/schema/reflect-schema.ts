// The schema of a running service, by gRPC server reflection (v1, or v1alpha of older servers).

import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { ServerReflection, ServerReflectionV1Alpha } from '@touchstone/rpc-server';
import { type ClientTls, clientTlsOf } from '../base/client-tls.ts';
import { linkSchema, type Schema } from './load-schema.ts';
import { SchemaError } from './schema-error.ts';

type Question = { readonly case: 'listServices' | 'fileContainingSymbol' | 'fileByFilename'; readonly value: string };

const TIMEOUT_MS = 10_000;

/**
 * Asks a service for its schema.
 *
 * @param url the URL of the service. It has to speak gRPC over HTTP/2.
 * @param headers headers of the question, such as a token.
 * @param tls how a service with TLS is called.
 * @throws {SchemaError} if the service has no reflection, or its answer is not a complete schema.
 */
export async function reflectSchema(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  tls: ClientTls = {},
): Promise<Schema> {
  const sessionManager = new Http2SessionManager(url, undefined, clientTlsOf(tls, 'tls'));
  try {
    const transport = createGrpcTransport({ baseUrl: url, sessionManager });
    const ask = createAsker(transport, headers);
    const names = await ask.services();
    const files = new Map<string, FileDescriptorProto>();
    const add = (found: readonly FileDescriptorProto[]) => {
      for (const file of found) files.set(file.name, file);
    };
    for (const name of names) add(await ask.files({ case: 'fileContainingSymbol', value: name }));
    for (let missing = missingOf(files); missing !== undefined; missing = missingOf(files)) {
      add(await ask.files({ case: 'fileByFilename', value: missing }));
    }
    const schema = linkSchema({ files: [...files.values()], imports: new Set() }, url);
    // The files may have more services: of imports, which some servers send with a file, and those that are not served here.
    return { ...schema, services: schema.services.filter(({ typeName }) => names.includes(typeName)) };
  } catch (error) {
    if (error instanceof SchemaError) throw error;
    const { code, rawMessage } = ConnectError.from(error);
    throw new SchemaError(`the service has no usable reflection (${Code[code]}: ${rawMessage})`, { cause: error });
  } finally {
    sessionManager.abort();
  }
}

function missingOf(files: ReadonlyMap<string, FileDescriptorProto>): string | undefined {
  return [...files.values()].flatMap(({ dependency }) => dependency).find((name) => !files.has(name));
}

function createAsker(transport: ReturnType<typeof createGrpcTransport>, headers: Readonly<Record<string, string>>) {
  const v1 = createClient(ServerReflection, transport);
  const v1alpha = createClient(ServerReflectionV1Alpha, transport);
  let isOld = false;
  const ask = async (question: Question) => {
    const options = { headers, timeoutMs: TIMEOUT_MS };
    const requests = async function* () {
      yield { messageRequest: question };
    };
    try {
      if (!isOld) return await firstOf(v1.serverReflectionInfo(requests(), options));
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
      isOld = true;
    }
    return await firstOf(v1alpha.serverReflectionInfo(requests(), options));
  };
  return {
    async services(): Promise<string[]> {
      const { messageResponse: answer } = await ask({ case: 'listServices', value: '' });
      return answer.case === 'listServicesResponse' ? answer.value.service.map(({ name }) => name) : refuse(answer);
    },
    async files(question: Question): Promise<FileDescriptorProto[]> {
      const { messageResponse: answer } = await ask(question);
      if (answer.case !== 'fileDescriptorResponse') return refuse(answer);
      return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    },
  };
}

async function firstOf<T>(answers: AsyncIterable<T>): Promise<T> {
  for await (const answer of answers) return answer;
  throw new SchemaError('reflection ended without an answer');
}

function refuse(answer: { readonly case: string | undefined; readonly value?: unknown }): never {
  const { errorMessage = 'no answer' } = (answer.value ?? {}) as { errorMessage?: string };
  throw new SchemaError(`reflection failed: ${errorMessage}`);
}
