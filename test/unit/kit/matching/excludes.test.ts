// The quick look at a pattern refuses only what a full comparison refuses, also where a message keeps values in another way.
import { create, createFileRegistry, type DescMessage, fromJson, type JsonValue } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldOptions_JSType,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
import { excludes } from '../../../../packages/kit/matching/excludes.ts';
import { matchMessage } from '../../../../packages/kit/matching/match-message.ts';
import { BookSchema } from './library-books.ts';

const { OPTIONAL } = FieldDescriptorProto_Label;
const { INT64, STRING } = FieldDescriptorProto_Type;
const field = { type: STRING, label: OPTIONAL };
const file = create(FileDescriptorProtoSchema, {
  name: 'kept/v1/kept.proto',
  package: 'kept.v1',
  syntax: 'proto3',
  messageType: [
    {
      name: 'Kept',
      field: [
        { ...field, name: 'chosen', jsonName: 'chosen', number: 1, oneofIndex: 0 },
        { ...field, name: 'maybe', jsonName: 'maybe', number: 2, oneofIndex: 1, proto3Optional: true },
        {
          ...field,
          name: 'long',
          jsonName: 'long',
          number: 3,
          type: INT64,
          options: { jstype: FieldOptions_JSType.JS_STRING },
        },
      ],
      oneofDecl: [{ name: 'choice' }, { name: '_maybe' }],
    },
  ],
});
const KeptSchema = createFileRegistry(file, () => undefined).getMessage('kept.v1.Kept') as DescMessage;

it('a pattern is excluded by any of its values', () => {
  const pattern = compilePattern(KeptSchema, { maybe: 'a', long: '7', choice: { case: 'chosen', value: 'c' } });

  expect(excludes(pattern, fromJson(KeptSchema, { maybe: 'b', long: '7', chosen: 'c' }))).toBe(true);
  expect(excludes(pattern, fromJson(KeptSchema, { maybe: 'a', long: '7', chosen: 'c' }))).toBe(false);
});

it('an enum excludes what has another value, and a message is left to the full comparison', () => {
  const pattern = compilePattern(BookSchema, { genre: 1, acquireTime: { seconds: 5n }, publisher: 'x' });

  expect(excludes(pattern, create(BookSchema, { genre: 2, acquireTime: { seconds: 5n }, publisher: 'x' }))).toBe(true);
  expect(excludes(pattern, create(BookSchema, { genre: 1, acquireTime: { seconds: 5n }, publisher: 'x' }))).toBe(false);
});

it.each<{ what: string; literal: object; accepted: JsonValue; refused: JsonValue; isQuick: boolean }>([
  {
    what: 'the case of a oneof',
    literal: { choice: { case: 'chosen', value: 'a' } },
    accepted: { chosen: 'a' },
    refused: { chosen: 'b' },
    isQuick: false,
  },
  {
    what: 'a field with presence',
    literal: { maybe: 'a' },
    accepted: { maybe: 'a' },
    refused: { maybe: 'b' },
    isQuick: true,
  },
  { what: 'a default with presence', literal: { maybe: '' }, accepted: { maybe: '' }, refused: {}, isQuick: true },
  {
    what: 'a 64-bit number kept as text',
    literal: { long: '7' },
    accepted: { long: '7' },
    refused: { long: '8' },
    isQuick: false,
  },
])('$what is excluded only if it is refused', ({ literal, accepted, refused, isQuick }) => {
  const pattern = compilePattern(KeptSchema, literal);
  const [good, bad] = [accepted, refused].map((json) => fromJson(KeptSchema, json));

  expect([excludes(pattern, good!), excludes(pattern, bad!)]).toEqual([false, isQuick]);
  expect(matchMessage(KeptSchema, pattern, good!, { isClosed: false })).toEqual([]);
  expect(matchMessage(KeptSchema, pattern, bad!, { isClosed: false })).toHaveLength(1);
});
