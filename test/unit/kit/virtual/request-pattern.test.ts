import { create, createFileRegistry, type DescMessage, type DescMethod, type Message } from '@bufbuild/protobuf';
import {
  AnySchema,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
  TimestampSchema,
  ValueSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { like, regex } from '../../../../packages/kit/matching/matchers.ts';
import { compileRequests } from '../../../../packages/kit/virtual/request-pattern.ts';

const { STRING, MESSAGE } = FieldDescriptorProto_Type;
const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'box/v1/box.proto',
    package: 'box.v1',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto', 'google/protobuf/struct.proto'],
    messageType: [
      {
        name: 'Box',
        field: [
          { name: 'label', jsonName: 'label', number: 1, type: STRING, label: 1 },
          { name: 'note', jsonName: 'note', number: 2, type: STRING, label: 1, proto3Optional: true, oneofIndex: 0 },
          {
            name: 'owner',
            jsonName: 'owner',
            number: 3,
            type: MESSAGE,
            label: 1,
            typeName: '.google.protobuf.StringValue',
          },
          { name: 'extra', jsonName: 'extra', number: 4, type: MESSAGE, label: 1, typeName: '.google.protobuf.Struct' },
          {
            name: 'counts',
            jsonName: 'counts',
            number: 5,
            type: MESSAGE,
            label: 3,
            typeName: '.box.v1.Box.CountsEntry',
          },
          { name: 'inner', jsonName: 'inner', number: 6, type: MESSAGE, label: 1, typeName: '.box.v1.Box' },
        ],
        oneofDecl: [{ name: '_note' }],
        nestedType: [
          {
            name: 'CountsEntry',
            options: { mapEntry: true },
            field: [
              { name: 'key', jsonName: 'key', number: 1, type: STRING, label: 1 },
              { name: 'value', jsonName: 'value', number: 2, type: FieldDescriptorProto_Type.INT64, label: 1 },
            ],
          },
        ],
      },
    ],
  }),
  (name) => [file_google_protobuf_wrappers, file_google_protobuf_struct].find((file) => file.proto.name === name),
);
const BoxSchema = registry.getMessage('box.v1.Box') as DescMessage;

/** An RPC whose descriptor has only a request. */
function methodOf(input: DescMessage): DescMethod {
  return { kind: 'rpc', methodKind: 'unary', name: 'Call', input } as DescMethod;
}

function differencesOf(schema: DescMessage, literal: object, request: object) {
  const message: Message = create(schema, request as Record<string, unknown>);
  return compileRequests(methodOf(schema), literal, registry).differences([message]);
}

function matches(schema: DescMessage, literal: object, request: object): boolean {
  return differencesOf(schema, literal, request).length === 0;
}

describe('a request matches a literal', () => {
  it.each([
    { what: 'that is empty', literal: {}, request: { label: 'a' }, isMatch: true },
    { what: 'with the same text', literal: { label: 'a' }, request: { label: 'a', note: 'x' }, isMatch: true },
    { what: 'with another text', literal: { label: 'a' }, request: { label: 'b' }, isMatch: false },
    { what: 'with an empty text, when it is unset', literal: { label: '' }, request: {}, isMatch: true },
    { what: 'with undefined, for any value', literal: { label: undefined }, request: { label: 'a' }, isMatch: true },
    { what: 'with an optional text', literal: { note: '' }, request: { note: '' }, isMatch: true },
    { what: 'with an optional text, only when it is set', literal: { note: '' }, request: {}, isMatch: false },
    { what: 'with a wrapped text', literal: { owner: 'me' }, request: { owner: 'me' }, isMatch: true },
    { what: 'with another wrapped text', literal: { owner: 'me' }, request: { owner: 'you' }, isMatch: false },
    { what: 'with the same struct', literal: { extra: { a: [1] } }, request: { extra: { a: [1] } }, isMatch: true },
    { what: 'with another struct', literal: { extra: { a: 1 } }, request: { extra: { a: 1, b: 2 } }, isMatch: false },
    {
      what: 'with some entries of a map',
      literal: { counts: { a: 1n } },
      request: { counts: { a: 1n, b: 2n } },
      isMatch: true,
    },
    {
      what: 'with another entry of a map',
      literal: { counts: { a: 1n } },
      request: { counts: { a: 2n } },
      isMatch: false,
    },
    {
      what: 'with part of a message',
      literal: { inner: { label: 'a' } },
      request: { inner: { label: 'a', note: 'x' } },
      isMatch: true,
    },
    { what: 'with a message, only when it is set', literal: { inner: {} }, request: {}, isMatch: false },
    {
      what: 'with an unset message, which does not equal its defaults',
      literal: { inner: { label: '' } },
      request: {},
      isMatch: false,
    },
  ])('$what: $isMatch', ({ literal, request, isMatch }) => {
    expect(matches(BoxSchema, literal, request)).toBe(isMatch);
  });

  it('by the case and the value of a oneof', () => {
    const text = { kind: { case: 'stringValue', value: 'a' } };

    expect(matches(ValueSchema, text, text)).toBe(true);
    expect(matches(ValueSchema, { kind: { case: 'stringValue', value: regex(/^a/, 'a') } }, text)).toBe(true);
    expect(matches(ValueSchema, { kind: { case: 'stringValue', value: 'b' } }, text)).toBe(false);
    expect(matches(ValueSchema, { kind: { case: 'boolValue', value: false } }, text)).toBe(false);
    expect(matches(ValueSchema, { kind: { case: undefined } }, text)).toBe(false);
  });

  it('by all elements of a list, in their order', () => {
    const field = { name: 'a', number: 1 };
    const file = { messageType: [{ name: 'M', field: [field, { name: 'b', number: 2 }] }] };
    const literalOf = (...fields: object[]) => ({ messageType: [{ field: fields }] });

    expect(matches(FileDescriptorProtoSchema, literalOf({ name: 'a' }, { number: 2 }), file)).toBe(true);
    expect(matches(FileDescriptorProtoSchema, literalOf({ name: 'a' }), file)).toBe(false);
    expect(matches(FileDescriptorProtoSchema, literalOf({ name: 'b' }, { name: 'a' }), file)).toBe(false);
    expect(matches(FileDescriptorProtoSchema, { dependency: [] }, file)).toBe(true);
  });

  it('by a text that has a default, only if it is set', () => {
    expect(matches(FieldDescriptorProtoSchema, { name: '' }, {})).toBe(false);
    expect(matches(FieldDescriptorProtoSchema, { name: '' }, { name: '' })).toBe(true);
  });

  it('by 64-bit numbers, and by bytes in any kind of array', () => {
    expect(matches(TimestampSchema, { seconds: 5n }, { seconds: 5n })).toBe(true);
    expect(matches(TimestampSchema, { seconds: 5n }, { seconds: 6n })).toBe(false);
    expect(matches(AnySchema, { value: Buffer.from([1, 2]) }, { value: Uint8Array.of(1, 2) })).toBe(true);
    expect(matches(AnySchema, { value: Buffer.from([1, 2]) }, { value: Uint8Array.of(1, 3) })).toBe(false);
  });
});

describe('a literal', () => {
  it('may have matchers for values', () => {
    const literal = { label: regex(/^a/, 'a'), inner: like({ label: 'x' }) };

    expect(matches(BoxSchema, literal, { label: 'abc', inner: { label: 'y' } })).toBe(true);
    expect(matches(BoxSchema, literal, { label: 'b', inner: { label: 'y' } })).toBe(false);
  });

  it('reports path, expected and actual value, with enum values by name', () => {
    const differences = differencesOf(FieldDescriptorProtoSchema, { type: STRING }, { type: MESSAGE });

    expect(differences).toEqual([{ path: 'type', expected: 'TYPE_STRING', actual: 'TYPE_MESSAGE' }]);
  });

  it('lists each of its values', () => {
    const literal = { label: 'a', inner: { note: 'b', inner: {} }, counts: { x: 1n } };
    const { statements } = compileRequests(methodOf(BoxSchema), literal, registry);

    expect(statements.map(({ path, expected }) => `${path}: ${expected}`)).toEqual([
      'label: "a"',
      'inner.note: "b"',
      'inner.inner: a value',
      'counts["x"]: 1',
    ]);
  });

  it.each([
    { literal: { lable: 'a' }, fault: 'box.v1.Box has no field "lable"' },
    { literal: { inner: { inner: { x: 1 } } }, fault: 'box.v1.Box has no field "x"' },
  ])('cannot have an unknown field: $fault', ({ literal, fault }) => {
    expect(() => compileRequests(methodOf(BoxSchema), literal, registry)).toThrow(fault);
  });

  it('cannot have an unknown case of a oneof', () => {
    expect(() => matches(ValueSchema, { kind: { case: 'text', value: '' } }, {})).toThrow(
      'google.protobuf.Value.kind has no case "text"',
    );
  });
});
