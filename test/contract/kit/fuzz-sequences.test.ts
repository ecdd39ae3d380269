// The fuzzer with a recording, against a service whose bugs are reached by sequences of calls only.
import { createFileRegistry } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type FuzzReport, fuzz, type Recording, startRecorder } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  file_library_v1_library,
  Genre,
  LibraryService,
} from '../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createTypeRegistry } from '../../../packages/kit/matching/type-registry.ts';
import { streamOf } from '../../integration/kit/recording/recorded-library.ts';
import {
  recordVisit,
  startTicketOffice,
  type TicketBug,
  TicketService,
  ticketFiles,
} from './fixtures/ticket-office.ts';
import { startLibraryProvider } from './library-provider.ts';

const schema = { services: [TicketService], files: [TicketService.file], registry: createFileRegistry(ticketFiles) };

async function fuzzOffice(
  bug: TicketBug | undefined,
  recording: Recording | undefined,
  calls = 400,
): Promise<FuzzReport> {
  await using office = await startTicketOffice(bug);
  return await fuzz({
    url: office.url,
    schema,
    wires: ['Connect JSON, HTTP/1.1', 'gRPC, HTTP/2'],
    ...(recording && { recording }),
    seed: 7,
    calls,
    seconds: 60,
    timeoutMs: 5000,
  });
}

const rpcsOf = ({ sequence }: FuzzReport['findings'][number]) => sequence?.map(({ rpc }) => rpc.split('/')[1]);

describe('the fuzzer with a recording', () => {
  it('finds a call that fails in a state which only a sequence reaches, and shrinks the sequence', async () => {
    const { findings, notes } = await fuzzOffice('refunds fail twice', await recordVisit(), 200);

    expect(findings.map(({ kind, rpc, detail }) => [kind, rpc, detail])).toEqual([
      ['untyped error', 'tickets.v1.TicketService/Refund', 'internal: internal error'],
    ]);
    expect(findings.map(rpcsOf)).toEqual([['Reserve', 'Pay', 'Refund', 'Refund']]);
    expect(findings[0]?.sequence?.map(({ taken }) => taken)).toEqual([
      [],
      [{ field: 'reservation_id', call: 1, from: 'id' }],
      [{ field: 'reservation_id', call: 1, from: 'id' }],
      [{ field: 'reservation_id', call: 1, from: 'id' }],
    ]);
    expect(findings[0]?.sequence?.map(({ renewed }) => renewed)).toEqual([['request_id'], [], [], []]);
    expect(notes).toEqual([]);
  });

  it('finds a boundary value that fails for an id that exists, with a new idempotency key each time', async () => {
    const { findings } = await fuzzOffice('paying nothing fails', await recordVisit());

    expect(findings.map((finding) => [finding.cause, rpcsOf(finding)])).toEqual([['amount: zero', ['Reserve', 'Pay']]]);
  });

  it('finds a sequence that ends the service, once the service is back', async () => {
    const { findings, isGone } = await fuzzOffice('refunding ends it', await recordVisit(), 60);

    expect(findings.map((finding) => [finding.kind, rpcsOf(finding)])).toContainEqual([
      'crash',
      ['Reserve', 'Pay', 'Refund'],
    ]);
    expect(isGone).toBe(false);
  });

  it('finds nothing in the office without a bug', async () => {
    const { findings, notes } = await fuzzOffice(undefined, await recordVisit(), 300);

    expect([findings, notes]).toEqual([[], []]);
  });

  it('names the recorded calls that the service answers in another way', async () => {
    const recording = await recordVisit();
    const withoutFirst = { ...recording, exchanges: recording.exchanges.slice(1) };

    const { notes } = await fuzzOffice(undefined, withoutFirst, 40);

    expect(notes).toEqual([
      'call 1 of the recording, tickets.v1.TicketService/Pay, was answered and is now not_found',
      'call 2 of the recording, tickets.v1.TicketService/Refund, was answered and is now not_found',
    ]);
  });

  it('makes calls of every kind again, and names conversations that need HTTP/2', async () => {
    await using library = await startLibraryProvider();
    await using recorder = await startRecorder({ upstream: library.url, services: [LibraryService] });
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: recorder.url }));
    await Array.fromAsync(client.listBooks({ genre: Genre.FICTION }));
    await client.returnBooks(streamOf({ bookId: 'b1' }));
    await Array.fromAsync(client.askLibrarian(streamOf({ question: 'a' })));
    const options = {
      url: library.url,
      schema: {
        services: [LibraryService],
        files: [file_library_v1_library],
        registry: createTypeRegistry([LibraryService]),
      },
      recording: await recorder.recording(),
      ...{ seed: 1, calls: 60, seconds: 60, timeoutMs: 5000 },
    };

    const complete = await fuzz({ ...options, wires: ['gRPC, HTTP/2'] });
    const { notes } = await fuzz({ ...options, wires: ['Connect JSON, HTTP/1.1'] });

    expect([complete.findings, complete.notes]).toEqual([[], []]);
    expect(notes).toEqual(['library.v1.LibraryService/AskLibrarian is not called: a conversation needs HTTP/2']);
  });

  it('finds none of these bugs without the recording', async () => {
    const { findings } = await fuzzOffice('refunds fail twice', undefined, 200);

    expect(findings).toEqual([]);
  });
});
