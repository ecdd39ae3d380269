// An event contract: the consumer's handler is run with the event in every delivery, the provider's real event compared.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  anyTimestamp,
  type CapturedEvent,
  type Contract,
  cloudEventHeaders,
  contract,
  like,
  replayRecordedEvents,
  verifyEvents,
  writeRecordedEvents,
} from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  BookLentSchema,
  BookReturnedSchema,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { errorOf, makeDirectory, readContract } from './contract-files.ts';

const lentHeaders = cloudEventHeaders({ type: BookLentSchema.typeName, source: '/library' });

function declareLent(library: Contract) {
  return library
    .given('a member borrows b1')
    .uponReceiving('a book was lent')
    .event(
      BookLentSchema,
      { bookId: 'b1', memberId: like('m1'), dueTime: anyTimestamp(), version: 1n },
      { headers: lentHeaders },
    );
}

function declareReturned(library: Contract) {
  return library.uponReceiving('a book came back').event(BookReturnedSchema, { bookId: 'b1', version: 2n });
}

/** The books a reader has now; an older version of a book changes nothing. */
class LoanLedger {
  readonly lent = new Map<string, boolean>();
  readonly #versions = new Map<string, bigint>();

  readonly handle = ({ subject, payload }: CapturedEvent): void => {
    const isLoan = subject === BookLentSchema.typeName;
    const { bookId, version } = fromBinary(isLoan ? BookLentSchema : BookReturnedSchema, payload);
    if (version <= (this.#versions.get(bookId) ?? 0n)) return;
    this.#versions.set(bookId, version);
    this.lent.set(bookId, isLoan);
  };
}

/** A real event of a library. */
function publish(
  change: { bookId?: string; type?: string; subject?: string; payload?: Uint8Array } = {},
): CapturedEvent {
  const { bookId = 'b1', type = BookLentSchema.typeName, subject = BookLentSchema.typeName } = change;
  return {
    subject,
    headers: {
      'ce-specversion': '1.0',
      'CE-Id': 'e77',
      'ce-type': type,
      'ce-source': '/library',
      'ce-time': '2025-06-07T08:09:10.123Z',
      'content-type': 'application/protobuf',
      traceparent: 'some',
    },
    payload:
      change.payload ??
      toBinary(
        BookLentSchema,
        create(BookLentSchema, { bookId, memberId: 'm9', dueTime: { seconds: 5n }, version: 1n }),
      ),
  };
}

async function verify(...events: CapturedEvent[]) {
  await using directory = await makeDirectory();
  await declareLent(contract('Reader', 'Library', { directory: directory.path })).handledBy(() => 'handled');
  return await verifyEvents({
    contracts: directory.path,
    types: [BookLentSchema],
    states: { 'a member borrows b1': () => undefined },
    publish: () => events,
  });
}

describe('the consumer of an event', () => {
  it('is run with its example, and the contract is written', async () => {
    await using directory = await makeDirectory();
    const handled: CapturedEvent[] = [];

    await declareLent(contract('Reader', 'Library', { directory: directory.path })).handledBy((event) =>
      handled.push(event),
    );

    expect(handled.map(({ subject, headers }) => [subject, headers['ce-type']])).toEqual([
      ['library.v1.BookLent', 'library.v1.BookLent'],
    ]);
    const { interactions } = await readContract(directory.path, 'Reader-Library.json');
    expect(interactions[0]).toMatchObject({
      type: 'Asynchronous/Messages',
      description: 'a book was lent',
      metadata: { subject: 'library.v1.BookLent', 'ce-source': '/library', 'content-type': 'application/protobuf' },
      contents: { contentType: 'application/protobuf', encoded: 'base64' },
    });
    const body = fromBinary(BookLentSchema, Buffer.from(interactions[0].contents.content, 'base64'));
    expect(body).toMatchObject({ bookId: 'b1', memberId: 'm1', version: 1n });
  });

  it('gets along with events that come again and in another order', async () => {
    await using directory = await makeDirectory();
    const library = contract('Reader', 'Library', { directory: directory.path });
    const checked: string[] = [];

    await library.handle(
      [declareLent(library), declareReturned(library)],
      {
        start: () => {
          const shelf = new LoanLedger();
          return {
            handle: shelf.handle,
            check: (delivery) => {
              expect(shelf.lent.get('b1')).toBe(false);
              checked.push(delivery);
            },
          };
        },
      },
      { deliveries: ['once', 'redelivered', 'reordered'] },
    );

    expect(checked).toEqual(['once', 'redelivered', 'reordered']);
    expect((await readContract(directory.path, 'Reader-Library.json')).interactions).toHaveLength(2);
  });

  it('fails with the name of the delivery that it cannot handle, and nothing is written', async () => {
    await using directory = await makeDirectory();
    const library = contract('Reader', 'Library', { directory: directory.path });
    const seen = new Set<string>();
    const failOnDuplicate = ({ subject }: CapturedEvent) => {
      if (seen.has(subject)) throw new Error('seen before');
      seen.add(subject);
    };

    const error = await errorOf(declareLent(library).handledBy(failOnDuplicate, { deliveries: ['redelivered'] }));

    expect(error.message).toBe('redelivered: event 2, a book was lent, given a member borrows b1: seen before');
    await expect(readContract(directory.path, 'Reader-Library.json')).rejects.toThrow('ENOENT');
  });

  it('is refused a field that the event does not have', () => {
    const upon = contract('Reader', 'Library', { directory: '/nowhere' }).uponReceiving('a mistake');

    expect(() => upon.event(BookLentSchema, { bookid: 'b1' } as never)).toThrow(
      'library.v1.BookLent: bookid: library.v1.BookLent has no field "bookid"',
    );
  });
});

describe('the provider of an event', () => {
  it('honours the contract with an event that it really published, others beside it', async () => {
    const verification = await verify(publish({ bookId: 'b9' }), publish());

    expect(verification.toString()).not.toContain('FAILED');
  });

  it.each([
    { drift: 'wrong metadata', event: publish({ type: 'BookLent' }), difference: 'headers["ce-type"]' },
    {
      drift: 'another subject',
      event: publish({ subject: 'books' }),
      difference: 'subject\n      expected "library.v1.BookLent"',
    },
    {
      drift: 'another value',
      event: publish({ bookId: 'b2' }),
      difference: 'body.bookId\n      expected "b1"\n      actual   "b2"',
    },
    {
      drift: 'a field dropped',
      event: publish({ payload: toBinary(BookLentSchema, create(BookLentSchema, { bookId: 'b1', version: 1n })) }),
      difference: 'body.memberId\n      expected a value like "m1"\n      actual   ""',
    },
    {
      drift: 'no protobuf',
      event: publish({ payload: Buffer.from('{"bookId":"b1"}') }),
      difference: 'bytes that are none',
    },
  ])('is reported by field where it has drifted: $drift', async ({ event, difference }) => {
    const verification = await verify(event);

    expect(verification.isHonoured).toBe(false);
    expect(verification.toString()).toContain(difference);
  });

  it('is verified against the contracts with the provider of that very name', async () => {
    await using directory = await makeDirectory();
    for (const provider of ['Library', 'Library2']) {
      await declareReturned(contract('Reader', provider, { directory: directory.path })).handledBy(() => 'handled');
    }

    const options = { contracts: directory.path, provider: 'Library', types: [BookLentSchema], publish: () => [] };
    const { interactions } = await verifyEvents(options);

    expect(interactions.map(({ provider }) => provider)).toEqual(['Library']);
  });

  it('is reported when nothing was published', async () => {
    expect((await verify()).toString()).toContain('nothing was published');
  });
});

describe('recorded events', () => {
  it('are handled today, and those that are not are named', async () => {
    await using directory = await makeDirectory();
    const file = join(directory.path, 'old', 'events.json');
    await writeRecordedEvents(file, [publish(), publish({ bookId: 'b2' })]);
    const handled: string[] = [];

    await replayRecordedEvents(file, ({ payload }) => handled.push(fromBinary(BookLentSchema, payload).bookId));
    const error = await errorOf(
      replayRecordedEvents(file, ({ payload }) => {
        if (fromBinary(BookLentSchema, payload).bookId === 'b2') throw new Error('no longer understood');
      }),
    );

    expect(handled).toEqual(['b1', 'b2']);
    expect(error.message).toContain("today's handler fails with\n  event 2, library.v1.BookLent: no longer understood");
    expect(JSON.parse(await readFile(file, 'utf8')).events[0].subject).toBe('library.v1.BookLent');
  });
});
