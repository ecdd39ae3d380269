// The rules of buf.validate in a schema: generated values follow them, and violations are named.
import {
  create,
  createFileRegistry,
  type DescMessage,
  fromJson,
  type JsonObject,
  setExtension,
} from '@bufbuild/protobuf';
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
} from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  GetForecastRequestSchema,
  WeatherService,
} from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { messagesOf } from '../../../../packages/kit/fuzz/calls/messages.ts';
import { loadRules } from '../../../../packages/kit/fuzz/calls/rule-hints.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';

/** Returns a message type with one field `value` that has these rules, and its rules. */
async function ruled(type: Type, rules: JsonObject, label = Label.OPTIONAL) {
  const options = create(FieldOptionsSchema);
  setExtension(options, field, fromJson(FieldRulesSchema, rules));
  const file = create(FileDescriptorProtoSchema, {
    name: 'ruled.proto',
    package: 'ruled',
    syntax: 'proto3',
    dependency: ['buf/validate/validate.proto'],
    messageType: [{ name: 'Ruled', field: [{ name: 'value', jsonName: 'value', number: 1, type, label, options }] }],
  });
  const imports = [...file_buf_validate_validate.dependencies, file_buf_validate_validate].map(({ proto }) => proto);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...imports, file] }));
  const desc = registry.getMessage('ruled.Ruled') as DescMessage;
  return { desc, rules: await loadRules(registry.files, registry) };
}

describe('a plausible value', () => {
  it.each([
    ['a range', Type.INT32, { int32: { gt: 5, lte: 9 } }],
    ['a range of 64 bits', Type.UINT64, { uint64: { gte: '9007199254740993' } }],
    ['a list of numbers', Type.INT64, { int64: { in: ['3', '5'] } }],
    ['a list of texts', Type.STRING, { string: { in: ['EUR', 'USD'] } }],
    ['lengths', Type.STRING, { string: { minLen: '3', maxLen: '5' } }],
    ['a length', Type.STRING, { string: { len: '4' } }],
    ['a UUID', Type.STRING, { string: { uuid: true } }],
    ['an email address', Type.STRING, { string: { email: true } }],
  ] as [string, Type, JsonObject][])('follows the rule of %s', async (_, type, json) => {
    const { desc, rules } = await ruled(type, json);
    const [first] = desc.fields;
    const { value } = first ? rules.hints.of(first) : {};

    for (const each of fc.sample(value ?? fc.constant(undefined), { seed: 1, numRuns: 50 })) {
      expect(rules.violationOf(desc, create(desc, { value: each } as never))).toBeUndefined();
    }
  });

  it('follows the rules of a list and of its elements', async () => {
    const json = { repeated: { minItems: '2', items: { string: { in: ['a', 'b'] } } } };
    const { desc, rules } = await ruled(Type.STRING, json, Label.REPEATED);
    const messages = fc.sample(messagesOf(desc, { values: 'plausible', hints: rules.hints }), { seed: 1, numRuns: 50 });
    const lists = messages
      .map((message) => Reflect.get(message, 'value') as string[])
      .filter(({ length }) => length > 0);

    expect(lists.length).toBeGreaterThan(30);
    expect(lists.every((list) => list.length >= 2 && list.every((text) => text === 'a' || text === 'b'))).toBe(true);
  });
});

describe('a violation', () => {
  it('is named by its field and its rule', async () => {
    const { desc, rules } = await ruled(Type.INT32, { int32: { gt: 5 } });

    expect(rules.violationOf(desc, create(desc, { value: 5 } as never))).toBe('value: int32.gt');
  });

  it('does not exist in a schema without rules', async () => {
    const rules = await loadRules([WeatherService.file], createTypeRegistry([WeatherService]));

    expect(rules.violationOf(GetForecastRequestSchema, create(GetForecastRequestSchema))).toBeUndefined();
    expect(rules.hints.of(GetForecastRequestSchema.field.town)).toEqual({});
  });
});
