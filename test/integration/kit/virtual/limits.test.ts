// A virtual service takes more than services do: the limits of the service itself are not its own.
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { startVirtualService } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { wires } from '../../../../packages/kit/verification/wire.ts';

// More than the hundred streams that a service allows on one connection.
const CALLS = 300;
const { lendBook, listBooks } = LibraryService.method;

describe('a virtual service', () => {
  it.each(wires)('takes a request of 5 MiB: $name', async ({ open }) => {
    await using library = await startVirtualService({ services: [LibraryService] });
    library.stub(lendBook, { bookId: 'b1' }).replies({ copiesLeft: 1 });
    using wire = open(library.url);

    const memberId = 'm'.repeat(5 * 1024 * 1024);
    const { copiesLeft } = await createClient(LibraryService, wire.transport).lendBook({ bookId: 'b1', memberId });

    expect([copiesLeft, library.requests(lendBook)[0]?.memberId.length]).toEqual([1, memberId.length]);
  });

  it('has hundreds of streams open at once on one connection', async () => {
    await using library = await startVirtualService({ services: [LibraryService] });
    const allOpen = Promise.withResolvers<void>();
    let open = 0;
    library.stub(listBooks).replies(async () => {
      open += 1;
      if (open === CALLS) allOpen.resolve();
      await allOpen.promise;
      return [{ book: { bookId: 'b1' } }];
    });
    const client = createClient(LibraryService, createGrpcTransport({ baseUrl: library.url }));

    const answers = await Promise.all(Array.from({ length: CALLS }, () => Array.fromAsync(client.listBooks({}))));

    expect(answers.every(({ length }) => length === 1)).toBe(true);
  });
});
