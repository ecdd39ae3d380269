// The rules of all requests are compiled before the port opens: here a rule that cannot be, which no call has met.
import { create, createFileRegistry, setExtension } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
} from '@bufbuild/protobuf/wkt';
import {
  FieldRulesSchema,
  field as fieldRules,
  file_buf_validate_validate,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { expect, it } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { createService } from '#services/platform/runtime/service-runtime.ts';
import { recordLog } from '../support/recorded-log.ts';

const imports = [
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
  file_buf_validate_validate,
];

/** A service whose request has a rule with this expression. */
function describeService(expression: string) {
  const options = create(FieldOptionsSchema);
  setExtension(options, fieldRules, create(FieldRulesSchema, { cel: [{ id: 'rule', expression }] }));
  const file = create(FileDescriptorProtoSchema, {
    name: 'asked/v1/asked.proto',
    package: 'asked.v1',
    syntax: 'proto3',
    dependency: ['buf/validate/validate.proto'],
    messageType: [
      {
        name: 'Question',
        field: [
          {
            name: 'text',
            jsonName: 'text',
            number: 1,
            type: FieldDescriptorProto_Type.STRING,
            label: FieldDescriptorProto_Label.OPTIONAL,
            options,
          },
        ],
      },
    ],
    service: [
      {
        name: 'AskService',
        method: [{ name: 'Ask', inputType: '.asked.v1.Question', outputType: '.asked.v1.Question' }],
      },
    ],
  });
  const files = [...imports.map(({ proto }) => proto), file];
  const service = createFileRegistry(create(FileDescriptorSetSchema, { file: files })).getService(
    'asked.v1.AskService',
  );
  if (service === undefined) throw new Error('the registry has no such service');
  return service;
}

function createServiceWith(expression: string) {
  const service = describeService(expression);
  return () =>
    createService({
      domain: DOMAIN,
      name: 'order',
      config: {
        host: '127.0.0.1',
        port: 0,
        databaseUrl: 'postgres://order@127.0.0.1:1/order',
        natsUrl: 'nats://127.0.0.1:1',
        corsOrigins: undefined,
      },
      log: recordLog().log,
      migrations: '/none',
      define: () => ({
        routes: (router) => void router.service(service, {}),
        subscriptions: [],
        dependencies: [],
        components: [],
      }),
    });
}

it('a service whose request has a rule that cannot be compiled is not even built', () => {
  expect(createServiceWith('this.size() >')).toThrow('a rule of asked.v1.Question cannot be applied');
});

it('a service whose rules can be compiled is built, also if an empty request violates them', () => {
  expect(createServiceWith('this.size() > 0')).not.toThrow();
});
