// A virtual service that enforces the rules of buf.validate in its descriptors.
import { create, createFileRegistry, setExtension } from '@bufbuild/protobuf';
import {
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import {
  FieldRulesSchema,
  field,
  file_buf_validate_validate,
  ViolationsSchema,
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createInMemoryService } from '@touchstone/kit';
import { expect, it } from 'vitest';

/** Describes a service whose orders have a quantity above 0. */
function describeShop() {
  const options = create(FieldOptionsSchema);
  const aboveZero = { case: 'int32', value: { greaterThan: { case: 'gt', value: 0 } } } as const;
  setExtension(options, field, create(FieldRulesSchema, { type: aboveZero }));
  const quantity = {
    name: 'quantity',
    jsonName: 'quantity',
    number: 1,
    type: Type.INT32,
    label: Label.OPTIONAL,
    options,
  };
  const file = create(FileDescriptorProtoSchema, {
    name: 'shop.proto',
    package: 'shop',
    syntax: 'proto3',
    dependency: ['buf/validate/validate.proto'],
    messageType: [{ name: 'Order', field: [quantity] }],
    service: [{ name: 'Shop', method: [{ name: 'Place', inputType: '.shop.Order', outputType: '.shop.Order' }] }],
  });
  const imports = [...file_buf_validate_validate.dependencies, file_buf_validate_validate].map(({ proto }) => proto);
  const set = create(FileDescriptorSetSchema, { file: [...imports, file] });
  const service = createFileRegistry(set).getService('shop.Shop');
  if (!service) throw new Error('the service is not described');
  return service;
}

/** Places orders at a service with a stub that accepts them all; returns the error of each. */
async function place(enforceRules: boolean, ...quantities: number[]) {
  const shop = await createInMemoryService({ services: [describeShop()], enforceRules });
  shop.stub('shop.Shop/Place').replies({});
  const client = createClient(describeShop(), shop.transport) as unknown as {
    place(order: object): Promise<unknown>;
  };
  const errors = quantities.map((quantity) =>
    client.place({ quantity }).then(
      () => undefined,
      (error) => ConnectError.from(error),
    ),
  );
  return { errors: await Promise.all(errors), calls: shop.journal().calls };
}

it('refuses a request that violates a rule, names the violation, and records the call', async () => {
  const { errors, calls } = await place(true, 0, 1);

  expect(errors).toMatchObject([
    { code: Code.InvalidArgument, rawMessage: expect.stringContaining('quantity') },
    undefined,
  ]);
  expect(errors[0]?.findDetails(ViolationsSchema)).toMatchObject([{ violations: [{ ruleId: 'int32.gt' }] }]);
  expect(calls.map(({ outcome }) => outcome).sort()).toEqual(['answered', 'failed']);
});

it('accepts it unless the rules are to be enforced', async () => {
  expect((await place(false, 0)).errors).toEqual([undefined]);
});
