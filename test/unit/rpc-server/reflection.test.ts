import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from '#packages/rpc-server/gen/grpc/reflection/v1/reflection_pb.ts';
import { ServerReflection as ServerReflectionV1Alpha } from '#packages/rpc-server/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { addReflection } from '#packages/rpc-server/introspection/reflection.ts';
import { EchoService } from '../../support/echo/echo-service.ts';

type Question = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest']>;

/** Asks every question on one stream of the given version and returns the answers in order. */
async function ask(version: string, ...questions: Question[]): Promise<ServerReflectionResponse['messageResponse'][]> {
  const service = (version === 'v1' ? ServerReflection : ServerReflectionV1Alpha) as typeof ServerReflection;
  const transport = createRouterTransport((router) => addReflection(router, () => [EchoService, ServerReflection]));
  async function* requests() {
    for (const messageRequest of questions) yield { messageRequest };
  }
  const answers: ServerReflectionResponse['messageResponse'][] = [];
  for await (const answer of createClient(service, transport).serverReflectionInfo(requests())) {
    answers.push(answer.messageResponse);
  }
  return answers;
}

function fileNames(answer: ServerReflectionResponse['messageResponse'] | undefined): string[] {
  if (answer?.case !== 'fileDescriptorResponse') return [];
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  it('lists the services of the port', async () => {
    const [answer] = await ask(version, { case: 'listServices', value: '*' });

    expect(answer).toMatchObject({
      case: 'listServicesResponse',
      value: { service: [{ name: 'echo.v1.EchoService' }, { name: 'grpc.reflection.v1.ServerReflection' }] },
    });
  });

  it.each([
    'echo.v1.EchoService',
    'echo.v1.EchoService.Say',
    'echo.v1.Note',
    'echo.v1.Note.body',
    'echo.v1.Mood',
    'echo.v1.MOOD_UNSPECIFIED',
    'echo.v1.owner',
  ])('finds the file that declares %s, with all it imports', async (symbol) => {
    const [answer] = await ask(version, { case: 'fileContainingSymbol', value: symbol });

    expect(fileNames(answer)).toEqual([
      'echo/v1/echo.proto',
      'google/protobuf/wrappers.proto',
      'google/protobuf/descriptor.proto',
    ]);
  });

  it('finds a file by name, well-known ones included, and sends imports once a stream', async () => {
    const answers = await ask(
      version,
      { case: 'fileByFilename', value: 'google/protobuf/wrappers.proto' },
      { case: 'fileByFilename', value: 'echo/v1/echo.proto' },
      { case: 'fileByFilename', value: 'echo/v1/echo.proto' },
    );

    expect(answers.map(fileNames)).toEqual([
      ['google/protobuf/wrappers.proto'],
      ['echo/v1/echo.proto', 'google/protobuf/descriptor.proto'],
      ['echo/v1/echo.proto'],
    ]);
  });

  it('finds extensions by the message they extend', async () => {
    const containingType = 'google.protobuf.MethodOptions';

    const [numbers, file, none] = await ask(
      version,
      { case: 'allExtensionNumbersOfType', value: containingType },
      { case: 'fileContainingExtension', value: { containingType, extensionNumber: 50_001 } },
      { case: 'allExtensionNumbersOfType', value: 'echo.v1.Note' },
    );

    expect(numbers?.value).toMatchObject({ baseTypeName: containingType, extensionNumber: [50_001] });
    expect(fileNames(file)[0]).toBe('echo/v1/echo.proto');
    expect(none?.value).toMatchObject({ baseTypeName: 'echo.v1.Note', extensionNumber: [] });
  });

  it('answers an unknown request with an error and continues the stream', async () => {
    const answers = await ask(
      version,
      { case: 'fileByFilename', value: 'nothing.proto' },
      { case: 'fileContainingSymbol', value: 'echo.v1.Nothing' },
      { case: 'fileContainingExtension', value: { containingType: 'echo.v1.Note', extensionNumber: 9 } },
      { case: 'allExtensionNumbersOfType', value: 'echo.v1.Nothing' },
      { case: undefined },
      { case: 'listServices', value: '' },
    );

    expect(answers.map((answer) => (answer?.case === 'errorResponse' ? answer.value.errorCode : 0))).toEqual([
      5, 5, 5, 5, 3, 0,
    ]);
    expect(answers[1]?.value).toMatchObject({ errorMessage: 'symbol "echo.v1.Nothing" is not known here' });
  });
});
