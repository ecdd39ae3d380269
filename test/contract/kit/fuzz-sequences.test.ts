// The fuzzer with a recording, against a service whose bugs are reached by sequences of calls only.
import { createFileRegistry } from '@bufbuild/protobuf';
import { type FuzzReport, fuzz, type Recording } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  recordVisit,
  startTicketOffice,
  type TicketBug,
  TicketService,
  ticketFiles,
} from './fixtures/ticket-office.ts';

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
    const { findings, notes } = await fuzzOffice('refunds fail twice', await recordVisit());

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
    const { findings, notes } = await fuzzOffice(undefined, await recordVisit());

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

  it('finds none of these bugs without the recording', async () => {
    const { findings } = await fuzzOffice('refunds fail twice', undefined);

    expect(findings).toEqual([]);
  });
});
