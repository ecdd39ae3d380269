// A call of a sequence: which of its values are those of earlier answers.
import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import {
  file_library_v1_library,
  LibraryService,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { FUZZ_WIRES, type FuzzWire } from '../../../../packages/kit/fuzz/calls/fuzz-wire.ts';
import { FreshValues } from '../../../../packages/kit/fuzz/sequences/client-values.ts';
import { prepareCall } from '../../../../packages/kit/fuzz/sequences/prepare-call.ts';
import { type RecordedCall, readRecordedCalls } from '../../../../packages/kit/fuzz/sequences/recorded-calls.ts';
import { exchangeOf, registry } from '../recording/library-recording.ts';

const schema = { services: [LibraryService], files: [file_library_v1_library], registry };
const messagesOf = (...messages: object[]) =>
  ({ headers: {}, messages: messages.map((message) => ({ message })) }) as never;
const streamed = (second: number, method: string, requests: object[], responses: object[]) =>
  exchangeOf(
    {},
    {},
    {
      rpc: `library.v1.LibraryService/${method}`,
      startedAt: `2026-01-02T03:04:0${second}.000Z`,
      request: messagesOf(...requests),
      response: { ...(messagesOf(...responses) as object), trailers: {} } as never,
    },
  );
const found = (...bookIds: string[]) => bookIds.map((bookId) => ({ book: { bookId } }));

/** A list of two books, which are returned in one call. */
const exchanges = [
  streamed(0, 'ListBooks', [{}], found('x1', 'x2')),
  streamed(1, 'ReturnBooks', [{ bookId: 'x1' }, { bookId: 'x2' }], [{ count: 2 }]),
];
const [listed, returned] = readRecordedCalls({ exchanges, warnings: [] }, { methods: LibraryService.methods, schema })
  .calls as [RecordedCall, RecordedCall];

const messages = found('y1', 'y2').map((message) => create(LibraryService.method.listBooks.output, message));
const state = {
  wire: FUZZ_WIRES[0] as FuzzWire,
  answers: new Map([[listed.number, { call: 1, recorded: listed, answer: { kind: 'ok', messages } as const }]]),
  fresh: new FreshValues(),
};

it('takes each value from the message of the answer that had it', () => {
  const { call, taken } = prepareCall({ recorded: returned }, state);

  expect(call.messages).toMatchObject([{ bookId: 'y1' }, { bookId: 'y2' }]);
  expect(taken).toHaveLength(2);
});

it('takes another value in the one message that is changed', () => {
  const [first, second] = returned.links;
  const link = first && second && { ...first, source: second.source };
  const change = { name: 'book_id: another', ...(link && { link }) };

  expect(prepareCall({ recorded: returned, change }, state).call.messages).toMatchObject([
    { bookId: 'y2' },
    { bookId: 'y2' },
  ]);
});
