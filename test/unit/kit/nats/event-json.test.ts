// Events as JSON: what is published, and how what arrives is shown.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  BookLentSchema,
  BookReturnedSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { decodeEvent, encodeEvent } from '../../../../packages/kit/nats/event-json.ts';

const registry = createTypeRegistry([BookReturnedSchema]);
const type = BookReturnedSchema.typeName;
const other = BookLentSchema.typeName;
const envelope = { subject: 'books', source: '/library', headers: {} };
const payload = toBinary(BookReturnedSchema, create(BookReturnedSchema, { bookId: 'b1' }));
const shown = { type, message: { bookId: 'b1' } };

describe('an event from JSON', () => {
  it('has the headers of CloudEvents and keeps every digit of a number', () => {
    const json = '{"bookId": "b1", "version": 9007199254740993}';
    const event = encodeEvent(BookReturnedSchema, json, registry, { ...envelope, id: 'e1', headers: { 'x-a': 'b' } });

    expect(event).toMatchObject({
      subject: 'books',
      headers: {
        'ce-specversion': '1.0',
        'ce-id': 'e1',
        'ce-type': type,
        'ce-source': '/library',
        'ce-time': expect.stringMatching(/Z$/),
        'content-type': 'application/protobuf',
        'x-a': 'b',
      },
    });
    expect(fromBinary(BookReturnedSchema, event.payload).version).toBe(9007199254740993n);
  });

  it('has a given header in place of one of CloudEvents', () => {
    const given = { 'ce-time': '2024-02-29T12:00:00Z', 'ce-type': 'books.returned' };

    expect(encodeEvent(BookReturnedSchema, '{}', registry, { ...envelope, headers: given }).headers).toMatchObject(
      given,
    );
  });

  it('has a new id each time, and no header of CloudEvents without a source', () => {
    const idOf = () => encodeEvent(BookReturnedSchema, '{}', registry, envelope).headers['ce-id'];
    const plain = encodeEvent(BookReturnedSchema, '{}', registry, { ...envelope, source: undefined });

    expect(idOf()).not.toBe(idOf());
    expect(plain.headers).toEqual({});
  });

  it('is refused for a field that does not exist', () => {
    expect(() => encodeEvent(BookReturnedSchema, '{"book": 1}', registry, envelope)).toThrow('key "book" is unknown');
  });
});

describe('an event as a line', () => {
  it.each([
    ['the type that is asked for', { subject: 'books', headers: { 'ce-type': 'other' } }, type, shown],
    ['the type in ce-type', { subject: 'books', headers: { 'Ce-Type': type } }, undefined, shown],
    ['the type in ce-type, not the subject', { subject: other, headers: { 'ce-type': type } }, undefined, shown],
    ['the subject', { subject: type, headers: {} }, undefined, shown],
    [
      'nothing that is known',
      { subject: 'books', headers: {} },
      undefined,
      { payload: 'CgJiMQ==', problem: 'neither ce-type nor the subject is a known type' },
    ],
  ])('is decoded by %s', (_, event, asked, expected) => {
    expect(decodeEvent({ ...event, payload }, registry, asked)).toEqual({ ...event, ...expected });
  });

  it('has its body in base64 if it is not a message of its type', () => {
    expect(
      decodeEvent({ subject: type, headers: {}, payload: Uint8Array.of(0xff) }, registry, undefined),
    ).toMatchObject({
      type,
      payload: '/w==',
      problem: expect.any(String),
    });
  });
});
