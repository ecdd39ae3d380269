// A recording in one protocol is replayed in all, by the meaning of the requests.
import { createRegistry } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { type RecordedExchange, readRecording, startReplay } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  Genre,
  LibraryService,
  LoanSchema,
  RefusalSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { wires } from '../../../../packages/kit/verification/wire.ts';
import { clientOf, errorOf, leaveAfterTwo, recordLibrary, streamOf } from './recorded-library.ts';

const services = [LibraryService];

async function askByConnect(url: string, bookId: string): Promise<string | undefined> {
  return (await clientOf(url).getBook({ bookId })).book?.title;
}

// Head and body arrive together, as in no call of Connect's client.
async function askByFetch(url: string, bookId: string): Promise<string | undefined> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ bookId });
  const response = await fetch(`${url}/library.v1.LibraryService/GetBook`, { method: 'POST', headers, body });
  return ((await response.json()) as { book?: { title: string } }).book?.title;
}

describe('a replay', () => {
  it.each(wires)('answers every kind of call as it was recorded: $name', async ({ http, open }) => {
    await using recording = await recordLibrary();
    const recorded = clientOf(recording.recorder.url);
    await recorded.getBook({ bookId: 'b1' });
    await errorOf(recorded.getBook({ bookId: 'lost' }));
    await errorOf(Array.fromAsync(recorded.listBooks({ genre: Genre.SCIENCE })));
    await recorded.returnBooks(streamOf({ bookId: 'b1' }, { bookId: 'b2' }));
    await Array.fromAsync(recorded.askLibrarian(streamOf({ question: 'a' }, { question: 'b' })));
    await using replay = await startReplay(recording.file, { services });
    using wire = open(replay.url);
    const client = createClient(LibraryService, wire.transport);

    const { book } = await client.getBook({ bookId: 'b1' });
    const refusal = await errorOf(client.getBook({ bookId: 'lost' }));
    const listed: unknown[] = [];
    const ending = await errorOf(
      (async () => {
        for await (const { book } of client.listBooks({ genre: Genre.SCIENCE })) listed.push(book?.title);
      })(),
    );
    const { count } = await client.returnBooks(streamOf({ bookId: 'b1' }, { bookId: 'b2' }));
    const answers =
      http === '2' ? await Array.fromAsync(client.askLibrarian(streamOf({ question: 'a' }, { question: 'b' }))) : [];

    expect([book?.catalogueNumber, book?.place.value]).toMatchObject([
      9_007_199_254_740_993n,
      { memberId: 'member-7' },
    ]);
    expect([refusal.code, refusal.rawMessage, refusal.metadata.get('x-reason')]).toEqual([
      Code.NotFound,
      'no such book',
      'gone',
    ]);
    expect(refusal.findDetails(RefusalSchema)).toMatchObject([{ reason: 'NO_SUCH_BOOK' }]);
    expect([listed, ending.rawMessage, count]).toEqual([['Emma', 'Ulysses'], 'the list ends here', 2]);
    expect(answers.map(({ answer }) => answer)).toEqual(http === '2' ? ['why a', 'why b'] : []);
    expect([replay.unmatchedRequests(), replay.warnings, replay.exchanges]).toEqual([[], [], 5]);
  });

  it('waits before each message as long as the recorded service did only if it is to, and leaves an aborted call', async () => {
    await using recording = await recordLibrary();
    await Array.fromAsync(clientOf(recording.recorder.url).listBooks({}));
    const recorded = await readRecording(recording.file);
    const [first] = recorded.exchanges;
    const times = [...(first?.request.messages ?? []), ...(first?.response.messages ?? [])].map(({ atMs }) => atMs);
    const slow = recorded.exchanges.map((exchange) => {
      const messages = exchange.response.messages.map((message, index) => ({ ...message, atMs: index * 600_000 }));
      return { ...exchange, durationMs: 600_000, response: { ...exchange.response, messages } };
    });
    await using atOnce = await startReplay({ exchanges: slow, warnings: [] }, { services });
    await using replay = await startReplay({ exchanges: slow, warnings: [] }, { services, timing: 'recorded' });
    const titles: (string | undefined)[] = [];

    const listed = await Array.fromAsync(clientOf(atOnce.url).listBooks({}));
    const late = await errorOf(
      (async () => {
        for await (const { book } of clientOf(replay.url).listBooks({}, { timeoutMs: 1000 })) titles.push(book?.title);
      })(),
    );

    expect(times).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)]);
    expect(times).toEqual(times.toSorted((a = 0, b = 0) => a - b));
    expect([listed.length, titles, late.code]).toEqual([2, ['Emma'], Code.DeadlineExceeded]);
  });

  it('says that a recording without times is answered at once', async () => {
    await using recording = await recordLibrary();
    await clientOf(recording.recorder.url).getBook({ bookId: 'b1' });
    const [exchange] = (await readRecording(recording.file)).exchanges;
    const messages = exchange?.request.messages.map(({ atMs: _, ...message }) => message) ?? [];
    const old = { ...exchange, request: { ...exchange?.request, messages } } as RecordedExchange;

    await using replay = await startReplay({ exchanges: [old], warnings: [] }, { services, timing: 'recorded' });

    expect(replay.warnings).toEqual(['1 of 1 exchanges were recorded without times, and are answered at once']);
    expect((await clientOf(replay.url).getBook({ bookId: 'b1' })).book?.title).toBe('Emma');
  });

  it.each([
    { by: 'a client of Connect', ask: askByConnect },
    { by: 'plain HTTP', ask: askByFetch },
  ])('answers equal calls by $by in the recorded order, then with the last answer again', async ({ ask }) => {
    await using recording = await recordLibrary();
    recording.library.titles.push('Emma', 'Evelina', 'Ulysses');
    for (const bookId of ['b1', 'b1', 'b2']) await clientOf(recording.recorder.url).getBook({ bookId });
    await using replay = await startReplay(recording.recorder.recording(), { services });

    const titles = [];
    for (const bookId of ['b1', 'b2', 'b1', 'b1']) titles.push(await ask(replay.url, bookId));

    expect(titles).toEqual(['Emma', 'Ulysses', 'Evelina', 'Evelina']);
  });

  it('accepts anything for a redacted value, and answers with a placeholder', async () => {
    await using recording = await recordLibrary({ redact: { fields: ['*.member_id', 'library.v1.Loan.due_time'] } });
    await clientOf(recording.recorder.url).lendBook({ bookId: 'b1', memberId: 'member-7' });
    await using replay = await startReplay(recording.file, { services });
    const client = clientOf(replay.url);

    const other = await client.lendBook({ bookId: 'b1', memberId: 'member-8' });
    const withoutMember = await client.lendBook({ bookId: 'b1' });
    const otherBook = await errorOf(client.lendBook({ bookId: 'b2', memberId: 'member-7' }));

    for (const { loan, copiesLeft } of [other, withoutMember]) {
      expect([loan?.memberId, loan?.dueTime?.seconds, copiesLeft]).toEqual(['redacted', 0n, 2]);
    }
    expect(otherBook.code).toBe(Code.Unimplemented);
    expect(replay.unmatchedRequests()).toEqual([
      'library.v1.LibraryService/LendBook: no interaction accepts this call; ' +
        'nearest is "exchange 1: LendBook {"bookId":"b1"}", but bookId is "b2", not "b1"',
    ]);
  });

  it('matches within an Any in JSON', async () => {
    await using recording = await recordLibrary({ redact: { fields: ['library.v1.Loan.member_id'] } });
    const jsonOptions = { registry: createRegistry(LoanSchema) };
    const jsonOf = (baseUrl: string) =>
      createClient(
        LibraryService,
        createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false, jsonOptions }),
      );
    const recorded = await jsonOf(recording.recorder.url).getBook({ bookId: 'b9' });
    await using replay = await startReplay(recording.file, { services });

    const replayed = await jsonOf(replay.url).getBook({ bookId: 'b9' });

    const members = [recorded, replayed].map(({ book }) => book?.attachment && anyUnpack(book.attachment, LoanSchema));
    expect(members.map((loan) => loan?.memberId)).toEqual(['member-9', 'redacted']);
  });

  it('matches the configured headers', async () => {
    await using recording = await recordLibrary();
    recording.library.titles.push('Emma', 'Ulysses');
    const recorded = clientOf(recording.recorder.url);
    for (const tenant of ['north', 'south'])
      await recorded.getBook({ bookId: 'b1' }, { headers: { 'x-tenant': tenant } });
    await using replay = await startReplay(recording.file, { services, headers: ['X-Tenant'] });
    const client = clientOf(replay.url);

    const south = await client.getBook({ bookId: 'b1' }, { headers: { 'x-tenant': 'south' } });
    const neither = await errorOf(client.getBook({ bookId: 'b1' }));

    expect(south.book?.title).toBe('Ulysses');
    expect(neither.rawMessage).toContain('metadata["x-tenant"] is nothing, not "north"');
  });

  it('replays the messages of a stream that was broken off, and leaves out one without messages', async () => {
    await using recording = await recordLibrary();
    const { recorder } = recording;
    await errorOf(clientOf(recorder.url).getBook({ bookId: 'silent' }, { timeoutMs: 300 }));
    await leaveAfterTwo(recorder.url);
    await expect.poll(() => recorder.recorded).toBe(2);
    await using replay = await startReplay(recording.file, { services });
    const listed: unknown[] = [];

    const ending = await errorOf(
      (async () => {
        for await (const { book } of clientOf(replay.url).listBooks({ genre: Genre.FICTION })) listed.push(book?.title);
      })(),
    );

    expect(listed).toEqual(['Emma', 'Ulysses']);
    expect([ending.code, ending.rawMessage]).toEqual([
      Code.DataLoss,
      'the recording of this call ends here: the caller left before the end, or its deadline passed',
    ]);
    expect(replay.warnings).toEqual([
      `exchange 1, GetBook {"bookId":"silent"}, is left out: the caller left before the end, or its deadline passed`,
    ]);
  });

  it('does not start from a recording that does not fit, or has no exchange', async () => {
    await using recording = await recordLibrary();
    await expect(startReplay(recording.file, { services })).rejects.toThrow('has no exchange to answer from');
    await clientOf(recording.recorder.url).getBook({ bookId: 'b1' });

    await expect(startReplay(recording.file, { services: [] })).rejects.toThrow(
      'exchange 1: there is no RPC library.v1.LibraryService/GetBook in "services"',
    );
    await expect(startReplay(`${recording.directory}/none.ndjson`, { services })).rejects.toThrow('cannot be read');
  });
});
