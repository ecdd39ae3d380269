// A recorder in front of a real service: every call is forwarded unchanged, and is in the file before its caller gets the end.
import { existsSync } from 'node:fs';
import { chmod, readFile, stat } from 'node:fs/promises';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { type RecorderOptions, readRecording, startRecorder } from '@touchstone/kit';
import { describe, expect, it, vi } from 'vitest';
import {
  Genre,
  LibraryService,
  RefusalSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { wires } from '../../../../packages/kit/verification/wire.ts';
import { PATIENCE } from '../../../support/patience.ts';
import {
  askInTurn,
  clientOf,
  errorOf,
  leaveAfterTwo,
  recordLibrary,
  startLibrary,
  streamOf,
} from './recorded-library.ts';

describe('a recorder', () => {
  it.each(wires)('forwards and records every kind of call: $name', async ({ name, http, open }) => {
    await using recording = await recordLibrary();
    using wire = open(recording.recorder.url);
    const client = createClient(LibraryService, wire.transport);

    const { book } = await client.getBook({ bookId: 'b1' });
    const refusal = await errorOf(client.getBook({ bookId: 'lost' }));
    const listed = await Array.fromAsync(client.listBooks({}));
    const brokenOff = await errorOf(Array.fromAsync(client.listBooks({ genre: Genre.SCIENCE })));
    const { count } = await client.returnBooks(streamOf({ bookId: 'b1' }, { bookId: 'b2' }));
    const answers = http === '2' ? await askInTurn((questions) => client.askLibrarian(questions), 'a', 'b') : [];

    expect([book?.catalogueNumber, listed.length, count]).toEqual([9_007_199_254_740_993n, 2, 2]);
    expect(answers).toEqual(http === '2' ? ['why a', 'why b'] : []);
    for (const error of [refusal, brokenOff]) {
      expect([error.code, error.metadata.get('x-reason')]).toEqual([Code.NotFound, 'gone']);
      expect(error.findDetails(RefusalSchema)).toMatchObject([{ reason: 'NO_SUCH_BOOK' }]);
    }
    const forms = recording.library.calls.map(({ context: { protocolName, requestHeader } }) => [
      protocolName,
      requestHeader.get('content-type')?.includes('json') ? 'json' : 'binary',
      requestHeader.has('host') ? '1.1' : '2',
    ]);
    const [protocol, codec] = [name.split(/[ ,]/)[0]?.toLowerCase(), name.includes('JSON') ? 'json' : 'binary'];
    expect(new Set(forms.map(String))).toEqual(new Set([String([protocol, codec, http])]));
    const { exchanges } = await readRecording(recording.file);
    expect(
      exchanges.map(({ rpc, request, response }) => [
        rpc.split('/')[1],
        request.messages.length,
        response.messages.length,
        response.error?.code,
      ]),
    ).toEqual([
      ['GetBook', 1, 1, undefined],
      ['GetBook', 1, 0, 'not_found'],
      ['ListBooks', 1, 2, undefined],
      ['ListBooks', 1, 2, 'not_found'],
      ['ReturnBooks', 2, 1, undefined],
      ...(http === '2' ? [['AskLibrarian', 2, 2, undefined]] : []),
    ]);
    expect(exchanges[0]).toMatchObject({ protocol, codec });
    expect(recording.recorder.problems()).toEqual([]);
  });

  it('forwards metadata, deadlines, headers and trailers, and records only the name of a credential header', async () => {
    await using recording = await recordLibrary({ redact: { headers: ['x-member'] } });
    const received: Record<string, string | null> = {};

    await clientOf(recording.recorder.url).getBook(
      { bookId: 'b1' },
      {
        timeoutMs: 3000,
        headers: { authorization: 'Bearer s3cret', 'x-member': 'm-s3cret', 'x-tenant': 'north' },
        onHeader: (headers) => Object.assign(received, { shelf: headers.get('x-shelf') }),
        onTrailer: (trailers) => Object.assign(received, { copies: trailers.get('x-copies') }),
      },
    );

    expect(received).toEqual({ shelf: 'A1', copies: '3' });
    const [call] = recording.library.calls;
    const sent = ['authorization', 'x-member', 'x-tenant'].map((name) => call?.context.requestHeader.get(name));
    expect(sent).toEqual(['Bearer s3cret', 'm-s3cret', 'north']);
    expect(call?.timeoutMs).toBeLessThanOrEqual(3000);
    expect(call?.timeoutMs).toBeGreaterThan(0);
    const [exchange] = recording.recorder.recording().exchanges;
    const redacted = { redacted: true };
    expect(exchange).toMatchObject({
      deadlineMs: 3000,
      request: { headers: { authorization: redacted, 'x-member': redacted, 'x-tenant': 'north' } },
      response: { headers: { 'x-shelf': 'A1' }, trailers: { 'x-copies': '3' } },
    });
    expect(await readFile(recording.file, 'utf8')).not.toContain('s3cret');
  });

  it('has the headers of a stream that fails once, not among its trailers too', async () => {
    await using recording = await recordLibrary();
    const listing = clientOf(recording.recorder.url).listBooks({ genre: Genre.SCIENCE });

    const { metadata } = await errorOf(Array.fromAsync(listing));

    const { exchanges } = recording.recorder.recording();
    const shelves = exchanges.map(({ response }) => [response.headers['x-shelf'], response.trailers['x-shelf']]);
    expect(shelves).toEqual([['A1', undefined]]);
    expect(metadata.get('x-shelf')).toBe('A1');
  });

  it('records only the name of a redacted trailer, of an answer and of an error', async () => {
    await using recording = await recordLibrary({ redact: { headers: ['x-copies', 'x-reason'] } });
    const client = clientOf(recording.recorder.url);

    await client.getBook({ bookId: 'b1' });
    await errorOf(client.getBook({ bookId: 'lost' }));

    const { exchanges } = recording.recorder.recording();
    expect(exchanges.map(({ response }) => response.trailers)).toMatchObject([
      { 'x-copies': { redacted: true } },
      { 'x-reason': { redacted: true } },
    ]);
  });

  it('writes no redacted field of messages and error details', async () => {
    await using recording = await recordLibrary({
      redact: { fields: ['*.member_id', 'library.v1.GetBookResponse.book.title'], errorMessages: true },
    });
    const client = clientOf(recording.recorder.url);

    const lent = await client.lendBook({ bookId: 'b1', memberId: 'member-7' });
    const { book } = await client.getBook({ bookId: 'b1' });
    await errorOf(client.getBook({ bookId: 'lost' }));

    expect([lent.loan?.memberId, book?.title]).toEqual(['member-7', 'Emma']);
    const text = await readFile(recording.file, 'utf8');
    expect(text).not.toMatch(/member-7|Emma|no such book/);
    const [lending, getting, losing] = recording.recorder.recording().exchanges;
    expect(lending?.request.messages).toEqual([
      { message: { bookId: 'b1' }, redacted: ['memberId'], atMs: expect.any(Number) },
    ]);
    expect(getting?.response.messages[0]?.redacted).toEqual(['book.title', 'book.loan.memberId']);
    expect(losing?.response.error).toMatchObject({ message: { redacted: true } });
  });

  it('forwards a GET as a GET, and in the configured HTTP version', async () => {
    await using recording = await recordLibrary({ upstreamHttp: '2' });
    const transport = createConnectTransport({
      baseUrl: recording.recorder.url,
      httpVersion: '1.1',
      useHttpGet: true,
      useBinaryFormat: false,
    });

    await createClient(LibraryService, transport).getBook({ bookId: 'b1' });

    const { requestMethod, requestHeader } = recording.library.calls[0]?.context ?? {};
    expect([requestMethod, requestHeader?.has('host')]).toEqual(['GET', false]);
    expect(recording.recorder.recording().exchanges).toMatchObject([{ codec: 'json', protocol: 'connect' }]);
  });

  it('records why a call has no end: its deadline passed, its caller left, or the recorder stopped', async () => {
    await using recording = await recordLibrary();
    const { recorder, library } = recording;
    const client = clientOf(recorder.url);

    await client.getBook({ bookId: 'b1' });
    const late = await errorOf(client.getBook({ bookId: 'silent' }, { timeoutMs: 300 }));
    await leaveAfterTwo(recorder.url);
    await expect.poll(() => recorder.recorded).toBe(3);
    const cut = errorOf(client.getBook({ bookId: 'silent' }));
    await expect.poll(() => library.calls).toHaveLength(4);
    await recorder.stop();

    expect([late.code, (await cut).code]).toEqual([Code.DeadlineExceeded, Code.Unavailable]);
    const { exchanges } = await readRecording(recording.file);
    expect(exchanges.slice(1).map(({ response, brokenOff }) => [response.messages.length, brokenOff])).toEqual([
      [0, 'the caller left before the end, or its deadline passed'],
      [2, 'the caller left before the end, or its deadline passed'],
      [0, 'the recorder stopped before the end'],
    ]);
    await expect.poll(() => library.calls.every(({ context }) => context.signal.aborted)).toBe(true);
  });

  it('answers unavailable while the service is stopped, and continues when it is back', async () => {
    await using recording = await recordLibrary();
    const client = clientOf(recording.recorder.url);
    await client.getBook({ bookId: 'b1' });
    await recording.library[Symbol.asyncDispose]();

    const gone = await errorOf(client.getBook({ bookId: 'b1' }));
    await using _back = await startLibrary(recording.library.port);
    await vi.waitFor(() => client.getBook({ bookId: 'b1' }), PATIENCE);

    expect(gone.code).toBe(Code.Unavailable);
    const { exchanges } = recording.recorder.recording();
    expect(exchanges[1]?.brokenOff).toBe('no readable answer came (unavailable)');
    expect(exchanges.at(-1)?.brokenOff).toBeUndefined();
  });

  it.each([
    { limits: { maxExchanges: 1 }, said: 'maxExchanges 1' },
    { limits: { maxBytes: 600 }, said: 'maxBytes 600' },
  ])('reports that it is full, also in the file, and still forwards calls: $said', async ({ limits, said }) => {
    const problems: string[] = [];
    await using recording = await recordLibrary({ ...limits, onProblem: (problem) => problems.push(problem) });
    const client = clientOf(recording.recorder.url);

    const books = [];
    for (const bookId of ['b1', 'b2', 'b3']) books.push((await client.getBook({ bookId })).book?.bookId);

    expect(books).toEqual(['b1', 'b2', 'b3']);
    const { recorder } = recording;
    expect([recorder.recorded, recorder.lost, problems.length]).toEqual([1, 2, 1]);
    expect(recorder.problems()).toEqual(problems);
    const { exchanges, warnings } = await readRecording(recording.file);
    expect([exchanges.length, warnings.length]).toEqual([1, 1]);
    expect(warnings[0]).toContain(`the recording is full (${said})`);
  });

  it('forwards fields that its schema does not have, and reports that they are not recorded', async () => {
    await using recording = await recordLibrary();

    const { book } = await clientOf(recording.recorder.url).getBook({ bookId: 'newer' });

    expect(book?.$unknown).toMatchObject([{ no: 99 }]);
    const lost = 'book.#99: an unknown field of library.v1.Book';
    expect(recording.recorder.recording().exchanges[0]?.response.messages[0]?.lost).toEqual([lost]);
    expect(recording.recorder.problems()).toEqual([`library.v1.LibraryService/GetBook: not recorded: ${lost}`]);
  });

  it('replaces a recording if configured so, with a file that only its owner can read', async () => {
    await using recording = await recordLibrary();
    const { file, library, recorder } = recording;
    await clientOf(recorder.url).getBook({ bookId: 'b1' });
    await recorder.stop();
    await chmod(file, 0o644);

    await using again = await startRecorder({
      upstream: library.url,
      services: [LibraryService],
      file,
      replaces: true,
    });

    expect(again.recording().exchanges).toEqual([]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it.each<[string, Partial<RecorderOptions>]>([
    ['its port is in use', {}],
    ['its port is no port', { port: 70_000 }],
  ])('keeps the recording that it was to replace if %s', async (_, wrong) => {
    await using recording = await recordLibrary();
    const { file, library, recorder } = recording;
    await clientOf(recorder.url).getBook({ bookId: 'b1' });
    await recorder.stop();
    const before = await readFile(file, 'utf8');

    const options = { upstream: library.url, services: [LibraryService], file, replaces: true };
    await expect(startRecorder({ ...options, port: library.port, ...wrong })).rejects.toThrow(/port|use/);

    expect(await readFile(file, 'utf8')).toBe(before);
  });

  it('does not start on an existing file, with a rule for an unknown field or on a port in use, and leaves no file', async () => {
    await using recording = await recordLibrary();
    const options = { upstream: recording.library.url, services: [LibraryService] };
    const file = `${recording.directory}/other.ndjson`;

    await expect(startRecorder({ ...options, file: recording.file })).rejects.toThrow('exists already');
    await expect(startRecorder({ ...options, file, redact: { fields: ['library.v1.Loan.member'] } })).rejects.toThrow(
      'redact.fields: "library.v1.Loan.member": library.v1.Loan has no field "member"; it has member_id, due_time',
    );
    await expect(startRecorder({ ...options, file, upstream: 'http://me:s3cret@127.0.0.1' })).rejects.toThrow(
      /^upstream: must not contain a password$/,
    );
    await expect(startRecorder({ ...options, file, port: recording.library.port })).rejects.toThrow('already in use');
    await expect(startRecorder({ ...options, file, port: 70_000 })).rejects.toThrow('port must be');
    expect(existsSync(file)).toBe(false);
  });
});
