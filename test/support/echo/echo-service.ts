// A service to serve in these tests, with one RPC of each kind, built at run time from a descriptor: no .proto file of
// the repository may change what the server's own tests mean.

import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_wrappers,
  MethodOptions_IdempotencyLevel,
  type StringValueSchema,
} from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';

type Text = typeof StringValueSchema;

const text = '.google.protobuf.StringValue';
const fileProto = create(FileDescriptorProtoSchema, {
  name: 'echo/v1/echo.proto',
  package: 'echo.v1',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto', 'google/protobuf/descriptor.proto'],
  messageType: [
    {
      name: 'Note',
      field: [{ name: 'body', number: 1, type: FieldDescriptorProto_Type.STRING, label: 1 }],
    },
  ],
  enumType: [{ name: 'Mood', value: [{ name: 'MOOD_UNSPECIFIED', number: 0 }] }],
  extension: [
    {
      name: 'owner',
      extendee: '.google.protobuf.MethodOptions',
      number: 50_001,
      type: FieldDescriptorProto_Type.STRING,
      label: FieldDescriptorProto_Label.OPTIONAL,
    },
  ],
  service: [
    {
      name: 'EchoService',
      method: [
        {
          name: 'Say',
          inputType: text,
          outputType: text,
          options: { idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS },
        },
        { name: 'Count', inputType: text, outputType: text, serverStreaming: true },
        { name: 'Join', inputType: text, outputType: text, clientStreaming: true },
        { name: 'Chat', inputType: text, outputType: text, clientStreaming: true, serverStreaming: true },
      ],
    },
  ],
});

const registry = createFileRegistry(fileProto, (name) =>
  [file_google_protobuf_wrappers, file_google_protobuf_descriptor].find((file) => file.proto.name === name),
);

export const EchoService = registry.getService('echo.v1.EchoService') as unknown as GenService<{
  say: { methodKind: 'unary'; input: Text; output: Text };
  count: { methodKind: 'server_streaming'; input: Text; output: Text };
  join: { methodKind: 'client_streaming'; input: Text; output: Text };
  chat: { methodKind: 'bidi_streaming'; input: Text; output: Text };
}>;

/** Says what it hears; counts from 1 to the number it is given; joins what it is sent. */
export const echo: ServiceImpl<typeof EchoService> = {
  say: ({ value }) => ({ value }),
  async *count({ value }) {
    for (let number = 1; number <= Number(value); number += 1) yield { value: String(number) };
  },
  async join(requests) {
    const values: string[] = [];
    for await (const { value } of requests) values.push(value);
    return { value: values.join(' ') };
  },
  async *chat(requests) {
    for await (const { value } of requests) yield { value };
  },
};
