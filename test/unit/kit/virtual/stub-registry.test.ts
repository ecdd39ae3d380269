import { create, type DescMethod } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { beforeEach, describe, expect, it } from 'vitest';
import { InventoryService, ReserveStockRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import {
  LibraryService,
  ReturnBooksRequestSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { refuse } from '../../../../packages/kit/fault-proxy/faults/refuse.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import type { Step } from '../../../../packages/kit/virtual/step.ts';
import { createStub, type Stub } from '../../../../packages/kit/virtual/stub.ts';
import { StubRegistry } from '../../../../packages/kit/virtual/stub-registry.ts';

const { reserveStock } = InventoryService.method;
type Match = Parameters<typeof create<typeof ReserveStockRequestSchema>>[1];

let book: StubRegistry;
beforeEach(() => {
  book = new StubRegistry(createTypeRegistry([InventoryService, LibraryService]), 'initial');
});

function stub(match: object = {}): Stub<typeof reserveStock> {
  return createStub(book.open(reserveStock, match));
}

/** Returns the answer, the failure or the hang that a request gets. */
function ask(request: Match): unknown {
  const { action } = take(request);
  if (action.kind === 'reply') return action.reply;
  return action.kind === 'fail' ? action.failure.message : action.kind;
}

function take(request: Match): Step {
  const requests = [create(ReserveStockRequestSchema, request)];
  const step = book.find(reserveStock, requests);
  if (!step) throw new Error(book.explainMiss(reserveStock, requests));
  return step;
}

describe('the stub that answers', () => {
  it('is the one that states the most values, in whatever order they were made', () => {
    stub({ orderId: 'o1', synthetic: true }).replies({ reservation: { reservationId: 'most' } });
    stub().replies({ reservation: { reservationId: 'any' } });
    stub({ orderId: 'o1' }).replies({ reservation: { reservationId: 'one' } });

    const ids = [{ orderId: 'o1', synthetic: true }, { orderId: 'o1' }, { orderId: 'o2' }].map(ask);

    expect(ids).toEqual(['most', 'one', 'any'].map((reservationId) => ({ reservation: { reservationId } })));
  });

  it('is the later one of two that state the same values', () => {
    stub({ orderId: 'o1', synthetic: false }).fails(Code.Internal, 'first');
    stub({ synthetic: false, orderId: 'o1' }).fails(Code.Internal, 'second');

    expect(ask({ orderId: 'o1' })).toBe('second');
  });

  it('is not mistaken for another whose long value begins alike', () => {
    const long = 'x'.repeat(1000);
    stub({ orderId: `${long}1` }).fails(Code.Internal, 'first');
    stub({ orderId: `${long}2` }).fails(Code.Internal, 'second');

    expect(ask({ orderId: `${long}1` })).toBe('first');
  });

  it('is none of two that match and of which neither is more specific: both are named', () => {
    stub({ orderId: 'o1' }).hangs();
    stub({ synthetic: true }).hangs();

    expect(() => ask({ orderId: 'o1', synthetic: true })).toThrow(
      expect.objectContaining({
        code: Code.Internal,
        message:
          'shop.inventory.v1.InventoryService/ReserveStock: both stub(ReserveStock, { orderId: "o1" }) and ' +
          'stub(ReserveStock, { synthetic: true }) match',
      }),
    );
    expect(ask({ orderId: 'o1' })).toBe('hang');
  });

  it('goes through its steps and repeats the last one', () => {
    stub().fails(Code.Unavailable, 'down').thenFails(Code.Unavailable, 'still down').thenHangs();

    expect([1, 2, 3, 4].map(() => ask({}))).toEqual(['down', 'still down', 'hang', 'hang']);
  });

  it('keeps count of its own calls only', () => {
    stub({ orderId: 'o1' }).fails(Code.Internal, 'first of o1').thenHangs();
    stub({ orderId: 'o2' }).fails(Code.Internal, 'first of o2').thenHangs();

    expect([ask({ orderId: 'o1' }), ask({ orderId: 'o2' }), ask({ orderId: 'o1' })]).toEqual([
      'first of o1',
      'first of o2',
      'hang',
    ]);
  });

  it('waits for the sum of its delays, before that step alone', () => {
    stub().delays(10).delays(5).replies({}).thenDelays(1).replies({}).thenReplies({});
    const next = () => take({}).delayMs;

    expect([next(), next(), next()]).toEqual([15, 1, 0]);
  });
});

describe('a request that no stub is for', () => {
  it('is told that its RPC is not stubbed, also when a stub was begun and told nothing', () => {
    stub();

    expect(() => ask({})).toThrow('shop.inventory.v1.InventoryService/ReserveStock is not stubbed');
  });

  it('is told the nearest stub and every field that differs from it', () => {
    stub({ orderId: 'o2', synthetic: true, lines: [{ quantity: 3 }] }).hangs();
    stub({ orderId: 'o1', synthetic: true, lines: [{ productId: '12345', quantity: 10 }] }).hangs();

    expect(() => ask({ orderId: 'o1', lines: [{ productId: '12345', quantity: 9 }] })).toThrow(
      'no stub matches; nearest is stub(ReserveStock, { orderId: "o1", synthetic: true, lines.length: 1, ' +
        'lines[0].productId: "12345", lines[0].quantity: 10 }), but synthetic is false, not true; ' +
        'lines[0].quantity is 9, not 10',
    );
  });

  it('is every request after the stubs are cleared', () => {
    stub().replies({});
    book.clear();

    expect(() => ask({})).toThrow('is not stubbed');
  });
});

describe('a stub that goes by the state', () => {
  it('is for calls in one of its states, and puts the service into another as soon as a call is taken', () => {
    stub().when('open', 'initial').fails(Code.Internal, 'first').becomes('closed');
    stub().when('closed').hangs();

    expect([book.state, ask({}), book.state, ask({}), book.state]).toEqual([
      'initial',
      'first',
      'closed',
      'hang',
      'closed',
    ]);
  });

  it('is more specific than one for the same requests in any state', () => {
    stub({ orderId: 'o1' }).fails(Code.Internal, 'any state');
    stub({ orderId: 'o1' }).when('closed').fails(Code.Internal, 'closed');

    const before = ask({ orderId: 'o1' });
    book.state = 'closed';

    expect([before, ask({ orderId: 'o1' })]).toEqual(['any state', 'closed']);
  });

  it('is named with its states, and the state is among what differs', () => {
    stub({ orderId: 'o1' }).when('open', 'closed').hangs();

    expect(() => ask({ orderId: 'o1' })).toThrow(
      'nearest is stub(ReserveStock, { orderId: "o1" }).when("closed", "open"), but state is "initial", not "closed" or "open"',
    );
  });

  it('begins anew after the stubs are cleared', () => {
    stub().hangs().becomes('closed');
    ask({});

    book.clear();

    expect(book.state).toBe('initial');
  });

  it('says so before it says what it does', () => {
    const begun = stub();
    begun.hangs();

    expect(() => begun.when('late')).toThrow('when() comes before what the stub does');
  });
});

describe('a step that was told how often', () => {
  it('is done so many times before the next one', () => {
    stub().fails(Code.Internal, 'first').times(2).thenFails(Code.Internal, 'second').times(2).thenHangs();

    expect([1, 2, 3, 4, 5, 6].map(() => ask({}))).toEqual(['first', 'first', 'second', 'second', 'hang', 'hang']);
  });

  it('is followed by a miss when it is the last', () => {
    stub().hangs().thenHangs().times(2);
    for (let call = 0; call < 3; call += 1) ask({});

    for (const fault of ['stub(ReserveStock) was to answer 3 times, and has', 'was to answer 3 times']) {
      expect(() => ask({})).toThrow(fault);
    }
  });

  it('is done at least once', () => {
    expect(() => stub().hangs().times(0)).toThrow('"times" must be a whole number of at least 1, not 0');
  });
});

describe('what a stub is told', () => {
  const { listBooks, askLibrarian, returnBooks } = LibraryService.method;
  async function* keepSilent() {
    yield* [];
  }
  const stubOf = <M extends DescMethod>(method: M, match?: object) => createStub<M>(book.open(method, match));

  it.each([
    { fault: 'has no field "reservatoin"', tell: () => stub().replies({ reservatoin: {} } as object) },
    { fault: 'has no field "lable"', tell: () => stub({ lable: 'a' }) },
    { fault: 'ReserveStock has one request', tell: () => stub([{ orderId: 'o1' }]) },
    { fault: 'has no field "boko"', tell: () => stubOf(listBooks).replies([{ book: {} }, { boko: {} } as object]) },
    { fault: 'ReserveStock is no conversation', tell: () => stub().converses(keepSilent) },
    { fault: 'ReserveStock answers one message', tell: () => stub().breaksOff([{}], Code.Internal, 'lost') },
    { fault: 'are for one message each', tell: () => stubOf(askLibrarian, [{ question: 'a' }]) },
    { fault: 'refuse hits connections', tell: () => stub().suffers(refuse()) },
    { fault: '"delays" must be a number of at least 0', tell: () => stub().delays(-1) },
    {
      fault: 'cannot both lead conversations and answer single messages',
      tell: () => stubOf(askLibrarian).hangs().thenConverses(keepSilent),
    },
    {
      fault: 'cannot both lead conversations and answer single messages',
      tell: () =>
        stubOf(askLibrarian)
          .converses(keepSilent)
          .thenReplies(() => ({})),
    },
    {
      fault: 'leads whole conversations: it cannot be for some messages',
      tell: () => stubOf(askLibrarian, { question: 'a' }).converses(keepSilent),
    },
  ])('is refused where it is told, when it cannot be: $fault', ({ fault, tell }) => {
    expect(tell).toThrow(fault);
  });

  it('is refused when one stub leads whole conversations and another is for some messages', () => {
    stubOf(askLibrarian).converses(keepSilent);

    expect(() => stubOf(askLibrarian, { question: 'a' }).replies({ answer: 'b' })).toThrow(
      'stub(AskLibrarian) leads whole conversations: no other stub can be beside it',
    );
  });

  it('is for a stream of requests as a whole, or for one with a certain message in it', () => {
    stubOf(returnBooks, [{ bookId: 'b1' }, { bookId: 'b2' }]).replies({ count: 2 });
    stubOf(returnBooks, { bookId: 'b9' }).replies({ count: 9 });
    const answerTo = (...bookIds: string[]) => {
      const requests = bookIds.map((bookId) => create(ReturnBooksRequestSchema, { bookId }));
      const step = book.find(returnBooks, requests);
      return step ? Reflect.get(step.action, 'reply') : book.explainMiss(returnBooks, requests);
    };

    expect([answerTo('b1', 'b2'), answerTo('b8', 'b9')]).toEqual([{ count: 2 }, { count: 9 }]);
    expect(answerTo('b1', 'b3')).toContain('but requests[1].bookId is "b3", not "b2"');
    expect(answerTo('b1', 'b2', 'b3', 'b9')).toEqual({ count: 9 });
    expect(answerTo()).toContain('requests.length is 0, not 2');
  });
});
