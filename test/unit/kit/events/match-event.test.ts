// A captured event against what a consumer relies on: subject, headers and the message in its body.
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { cloudEventHeaders, createExampleEvent, declareEvent } from '../../../../packages/kit/events/declare-event.ts';
import { matchEvent } from '../../../../packages/kit/events/verify-events.ts';
import { BookLentSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { like } from '../../../../packages/kit/matching/matchers.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';

const registry = createTypeRegistry([BookLentSchema]);
const interaction = declareEvent(
  'a book was lent',
  [],
  BookLentSchema,
  { bookId: 'b1', memberId: like('m1'), version: 0n },
  { headers: cloudEventHeaders({ type: 'library.v1.BookLent', source: '/library' }) },
);
const example = createExampleEvent(interaction);

function pathsOf(change: Partial<typeof example>): string[] {
  return matchEvent(interaction, { ...example, ...change }, registry).map(({ path }) => path);
}

describe('a captured event', () => {
  it('is what was declared when it is its example, or has more', () => {
    const more = create(BookLentSchema, { bookId: 'b1', memberId: 'm2', dueTime: { seconds: 1n } });

    expect(pathsOf({})).toEqual([]);
    expect(pathsOf({ payload: toBinary(BookLentSchema, more) })).toEqual([]);
  });

  it('has header names in whatever case', () => {
    const shouted = Object.entries(example.headers).map(([name, value]) => [name.toUpperCase(), value] as const);

    expect(pathsOf({ headers: Object.fromEntries(shouted) })).toEqual([]);
  });

  it('differs in its subject, its headers and its body', () => {
    expect(pathsOf({ subject: 'other' })).toEqual(['subject']);
    expect(pathsOf({ headers: { ...example.headers, 'ce-time': 'today', 'ce-type': 'BookLent' } })).toEqual([
      'headers["ce-time"]',
      'headers["ce-type"]',
    ]);
    expect(pathsOf({ headers: {} })).toHaveLength(6);
    expect(pathsOf({ payload: new Uint8Array() })).toEqual(['body.bookId', 'body.memberId']);
    expect(pathsOf({ payload: Uint8Array.of(255) })).toEqual(['body']);
  });

  it('differs when its subject or a header is only near to what was declared', () => {
    const { 'ce-type': type, ...others } = example.headers;

    expect(pathsOf({ subject: `${example.subject}Again` })).toEqual(['subject']);
    expect(pathsOf({ subject: 'library.v1' })).toEqual(['subject']);
    expect(pathsOf({ headers: { ...others, 'ce-type': `${type}Again` } })).toEqual(['headers["ce-type"]']);
    expect(pathsOf({ headers: { ...others, 'ce-types': String(type) } })).toEqual(['headers["ce-type"]']);
  });
});
