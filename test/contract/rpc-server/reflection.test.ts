import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { credentials, Client as GrpcClient } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from '#packages/rpc-server/gen/grpc/reflection/v1/reflection_pb.ts';
import { startEchoServer } from '../../support/echo/start-echo-server.ts';

describe('reflection', () => {
  it.each(['v1', 'v1alpha'])('%s answers the gRPC library of other Node programs', async (version) => {
    await using echo = await startEchoServer();
    const client = new GrpcClient(`127.0.0.1:${echo.address.port}`, credentials.createInsecure());
    const stream = client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (symbol: string) => {
        const messageRequest = { case: 'fileContainingSymbol', value: symbol } as const;
        return Buffer.from(
          toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema, { messageRequest })),
        );
      },
      (bytes: Buffer) => fromBinary(ServerReflectionResponseSchema, bytes).messageResponse.case,
    );

    stream.write('echo.v1.Nothing');
    stream.write('echo.v1.EchoService');
    stream.end();
    const answers = await stream.toArray().finally(() => client.close());

    expect(answers).toEqual(['errorResponse', 'fileDescriptorResponse']);
  });

  it('gives buf curl the schema to list the methods and to call one', async () => {
    await using echo = await startEchoServer();
    const buf = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');
    const curl = async (...rest: string[]) => {
      const { stdout } = await promisify(execFile)(process.execPath, [buf, 'curl', '--http2-prior-knowledge', ...rest]);
      return stdout.trim();
    };

    const methods = await curl('--list-methods', echo.address.url);
    const said = await curl('--data', '"hello"', `${echo.address.url}/echo.v1.EchoService/Say`);

    expect(methods.split('\n')).toContain('echo.v1.EchoService/Say');
    expect(said).toBe('"hello"');
  });
});
