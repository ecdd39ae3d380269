import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { blackHole, garbage, latency, reset, startVirtualService, type VirtualService } from '@touchstone/kit';
import { describe, expect, it, vi } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { PATIENCE } from '../../../support/patience.ts';
import { checkAvailability, dialects, outcomeOf, reserveStock, sharedDialects } from '../fault-proxy/clients.ts';

const { listBooks, askLibrarian } = LibraryService.method;

function startInventory(): Promise<VirtualService> {
  return startVirtualService({ services: [InventoryService] });
}

const answer = { reservation: { reservationId: 'res123', orderId: 'o1' } };

describe.each(dialects)('an answer to $dialect', ({ open, http }) => {
  it('is reset or truncated for the requests that a stub matches, and whole for all others', async () => {
    await using inventory = await startInventory();
    inventory.stub(reserveStock).replies(answer);
    inventory.stub(reserveStock, { orderId: 'reset' }).resets();
    inventory.stub(reserveStock, { orderId: 'truncated' }).truncates(answer, { afterBytes: 8 });
    using caller = open(inventory.url);

    const outcomes: string[] = [];
    for (const orderId of ['whole', 'reset', 'whole', 'truncated', 'whole']) {
      outcomes.push(await outcomeOf(caller.reserve(orderId)));
    }

    expect(outcomes).toEqual(['ok', expect.not.stringMatching('ok'), 'ok', expect.not.stringMatching('ok'), 'ok']);
    const faults = inventory.calls(reserveStock).map(({ outcome, fault }) => fault ?? outcome);
    expect(faults).toEqual(['answered', 'reset', 'answered', 'truncate-message', 'answered']);
  });

  it('is slowed down and arrives whole', async () => {
    await using inventory = await startInventory();
    inventory
      .stub(reserveStock)
      .trickles(answer, { bytesPerSecond: 1_000_000 })
      .thenWithFault(latency({ delayMs: 1 }))
      .replies(answer);
    using caller = open(inventory.url);

    expect([await caller.reserve(), await caller.reserve()]).toEqual(['res123', 'res123']);
    expect(inventory.calls(reserveStock).map(({ fault }) => fault)).toEqual(['bandwidth', 'latency']);
    inventory.received(reserveStock).ending('faulted').times(2);
  });

  it('is refused by GOAWAY if the protocol has it', async () => {
    await using inventory = await startInventory();
    inventory.stub(reserveStock).goesAway().thenReplies(answer);
    using caller = open(inventory.url);

    const outcome = await outcomeOf(caller.reserve());

    const hasGoAway = http === '2';
    expect(outcome === 'ok').toBe(!hasGoAway);
    expect(inventory.calls(reserveStock)[0]?.outcome).toBe(hasGoAway ? 'faulted' : 'answered');
    expect(await outcomeOf(caller.reserve())).toBe('ok');
  });
});

describe.each(sharedDialects)('a connection of $dialect', ({ open }) => {
  it('continues the other calls while one of them is reset', async () => {
    await using inventory = await startInventory();
    inventory.stub(reserveStock).delays(30).replies(answer);
    inventory.stub(reserveStock, { orderId: 'reset' }).resets();
    inventory.stub(checkAvailability).replies({ productId: 'p1' });
    using caller = open(inventory.url);

    const outcomes = await Promise.all(
      [caller.reserve('a'), caller.reserve('reset'), caller.check(), caller.reserve('b')].map(outcomeOf),
    );

    expect(outcomes).toEqual(['ok', expect.not.stringMatching('ok'), 'ok', 'ok']);
    expect(inventory.received(reserveStock).ending('faulted').with({ orderId: 'reset' }).times(1)).toBeUndefined();
  });
});

describe.each(['1.1', '2'] as const)('a faulted answer over HTTP/%s', (httpVersion) => {
  it('has the headers of one without a fault', async () => {
    await using inventory = await startInventory();
    inventory
      .stub(reserveStock)
      .replies(answer)
      .thenWithFault(latency({ delayMs: 1 }))
      .replies(answer);
    const client = createClient(InventoryService, createConnectTransport({ baseUrl: inventory.url, httpVersion }));
    const headers: string[][] = [];
    const onHeader = (header: Headers) => headers.push([...header.keys()].sort());

    await client.reserveStock({}, { onHeader });
    await client.reserveStock({}, { onHeader });

    expect(inventory.calls(reserveStock)[1]?.fault).toBe('latency');
    expect(headers[1]).toEqual(headers[0]);
  });
});

describe('a stream of responses', () => {
  const list = async (library: VirtualService, titles: string[]) => {
    const transport = createGrpcTransport({ baseUrl: library.url });
    for await (const { book } of createClient(LibraryService, transport).listBooks({})) titles.push(book?.title ?? '');
  };

  it('is reset in the middle, and corrupted', async () => {
    await using library = await startVirtualService({ services: [LibraryService] });
    const book = { title: 'x'.repeat(100) };
    const replies = [{ book }, { book }, { book }];
    library
      .stub(listBooks)
      .withFault(reset({ afterBytes: 150 }))
      .replies(replies)
      .thenWithFault(garbage())
      .replies(replies);
    const titles: string[] = [];

    await expect(list(library, titles)).rejects.toThrow();
    await expect(list(library, titles)).rejects.toThrow();

    expect(titles.length).toBeLessThan(2);
    expect(library.calls(listBooks).map(({ fault }) => fault)).toEqual(['reset', 'garbage']);
  });
});

describe('a conversation', () => {
  it('can have a fault with its first answer only', async () => {
    await using library = await startVirtualService({ services: [LibraryService] });
    library.stub(askLibrarian, { question: 'a' }).replies({ answer: 'b' });
    library.stub(askLibrarian, { question: 'fault' }).withFault(garbage()).replies({ answer: 'b' });
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: library.url }));
    const ask = async (...asked: string[]) => {
      async function* questions() {
        for (const question of asked) yield { question };
      }
      for await (const _ of client.askLibrarian(questions())) library.received(askLibrarian).times(asked.length);
    };

    await expect(ask('fault')).rejects.toThrow();
    await expect(ask('a', 'fault')).rejects.toThrow('only the first answer of a conversation can have a fault');
    expect(library.calls(askLibrarian).map(({ outcome }) => outcome)).toEqual(['faulted', 'unmatched']);
  });
});

describe('a fault for whole RPCs or connections', () => {
  it('is switched on and off, and counts', async () => {
    await using inventory = await startInventory();
    inventory.stub(reserveStock).replies(answer);
    const client = createClient(
      InventoryService,
      createConnectTransport({ baseUrl: inventory.url, httpVersion: '1.1' }),
    );
    const hole = inventory.inject(blackHole(), { rpc: 'shop.inventory.v1.InventoryService/*' });

    const unanswered = await outcomeOf(client.reserveStock({}, { timeoutMs: 300 }));

    expect([unanswered, hole.hits]).toEqual(['deadline_exceeded', 1]);
    inventory.received(reserveStock).never();
    hole.remove();
    expect(await outcomeOf(client.reserveStock({}))).toBe('ok');
  });

  it('is removed by a reset, and later stubs can have faults again', async () => {
    await using inventory = await startInventory();
    inventory.inject(blackHole());
    inventory.stub(reserveStock).resets();
    inventory.reset();
    inventory.stub(reserveStock).resets().thenReplies(answer);
    const transport = createGrpcTransport({ baseUrl: inventory.url });
    const client = createClient(InventoryService, transport);

    const error = ConnectError.from(await client.reserveStock({}).catch((reason: unknown) => reason));

    expect(error.code).toBe(Code.Internal);
    await vi.waitFor(() => inventory.received(reserveStock).ending('faulted').times(1), PATIENCE);
    expect(await outcomeOf(client.reserveStock({}))).toBe('ok');
  });
});
