// Required fields of proto2: named where a literal lacks one, and filled in examples, which protobuf would not write otherwise.
import { create, type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { compileLiteral } from '../../../../packages/kit/matching/compile-literal.ts';
import { createExample } from '../../../../packages/kit/matching/example-message.ts';
import { toMessage } from '../../../../packages/kit/matching/read-literal.ts';
import { findMissing } from '../../../../packages/kit/matching/required-fields.ts';
import { writePattern } from '../../../../packages/kit/matching/write-pattern.ts';
import { FolderSchema, FormSchema, registry } from './odd-fields.ts';

const form = { text: '', data: new Uint8Array(), flag: false, count: 0, size: 0n, kind: 7, part: { id: 1n } };

function examplesOf(desc: DescMessage, literal: object): Message {
  return createExample(desc, compileLiteral(desc, literal, registry));
}

describe('an example', () => {
  it('has the zero value of each required field that its pattern does not speak of', () => {
    const example = examplesOf(FormSchema, { note: 'x' });

    expect(example).toEqual(create(FormSchema, { ...form, part: { id: 0n }, note: 'x' } as never));
    expect(() => toBinary(FormSchema, example)).not.toThrow();
  });

  it('has the required fields that its pattern speaks of as stated, and those of messages in it', () => {
    expect(examplesOf(FormSchema, { text: 'x', part: { note: 'y' } })).toMatchObject({
      text: 'x',
      part: { id: 0n, note: 'y' },
    });
  });

  it('is written to a contract file without them', () => {
    const pattern = compileLiteral(FormSchema, { note: 'x', count: 5 }, registry);

    expect(writePattern(pattern, registry).message).toEqual({ note: 'x', count: 5 });
  });
});

describe('a literal of a whole message', () => {
  it.each<[string, DescMessage, object]>([
    ['text', FormSchema, { ...form, text: undefined }],
    ['part', FormSchema, { ...form, part: undefined }],
    ['part.id', FormSchema, { ...form, part: {} }],
    ['part.id', FolderSchema, { title: 'x', part: { note: 'y' } }],
    ['parts[1].id', FolderSchema, { parts: [{ id: 1n }, {}] }],
    ['named["a b"].id', FolderSchema, { named: { c: { id: 1n }, 'a b': {} } }],
  ])('is refused without the required %s', (path, desc, literal) => {
    expect(() => toMessage(desc, literal, registry)).toThrow(
      new TypeError(`${path} is required, and missing in a ${desc.typeName}`),
    );
  });

  it.each<[DescMessage, object]>([
    [FormSchema, form],
    [FolderSchema, {}],
    [FolderSchema, { title: 'x', part: { id: 1n }, parts: [{ id: 2n }], named: { a: { id: 3n } } }],
  ])('may have its required fields only: %s %o', (desc, literal) => {
    expect(toMessage(desc, literal, registry)).toEqual(create(desc, literal as never));
  });

  it('is searched again, however often its type was seen', () => {
    const find = () => findMissing(FolderSchema, create(FolderSchema, { parts: [{}] } as never));

    expect([find(), find()]).toEqual(['parts[0].id', 'parts[0].id']);
  });
});
