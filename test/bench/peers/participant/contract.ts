// The contract of the minimal participant: four idempotent RPCs, one for each step of an order. Built at run time from a descriptor, so
// that it needs no generated code.
import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  MethodOptions_IdempotencyLevel,
  type StringValueSchema,
} from '@bufbuild/protobuf/wkt';

type Text = typeof StringValueSchema;
/** Takes the id of the order, returns that of the step's effect. */
type Rpc = { methodKind: 'unary'; input: Text; output: Text };

const TEXT = '.google.protobuf.StringValue';

const file = create(FileDescriptorProtoSchema, {
  name: 'bench/participant/v1/participant.proto',
  package: 'bench.participant.v1',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [
    {
      name: 'ParticipantService',
      method: ['Reserve', 'Charge', 'Confirm', 'Notify'].map((name) => ({
        name,
        inputType: TEXT,
        outputType: TEXT,
        options: { idempotencyLevel: MethodOptions_IdempotencyLevel.IDEMPOTENT },
      })),
    },
  ],
});

export const ParticipantService = createFileRegistry(file, (name) =>
  name === file_google_protobuf_wrappers.proto.name ? file_google_protobuf_wrappers : undefined,
).getService('bench.participant.v1.ParticipantService') as unknown as GenService<{
  reserve: Rpc;
  charge: Rpc;
  confirm: Rpc;
  notify: Rpc;
}>;
