import { create, type DescMethod } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { beforeEach, describe, expect, it } from 'vitest';
import { InventoryService, ReserveStockRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import {
  LibraryService,
  ReturnBooksRequestSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { refuse } from '../../../../packages/kit/fault-proxy/faults/refuse.ts';
import { unordered } from '../../../../packages/kit/matching/matchers.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import type { Step } from '../../../../packages/kit/virtual/step.ts';
import { createStub, type Stub } from '../../../../packages/kit/virtual/stub.ts';
import { StubRegistry } from '../../../../packages/kit/virtual/stub-registry.ts';

const { reserveStock } = InventoryService.method;
type Match = Parameters<typeof create<typeof ReserveStockRequestSchema>>[1];

let registry: StubRegistry;
beforeEach(() => {
  registry = new StubRegistry(createTypeRegistry([InventoryService, LibraryService]), 'initial');
});

function stub(match: object = {}): Stub<typeof reserveStock> {
  return createStub(registry.create(reserveStock, match));
}

/** Returns the answer, the failure or the hang that a request gets. */
function ask(request: Match): unknown {
  const { action } = take(request);
  if (action.kind === 'reply') return action.reply;
  return action.kind === 'fail' ? action.failure.message : action.kind;
}

function take(request: Match): Step {
  const requests = [create(ReserveStockRequestSchema, request)];
  const step = registry.find(reserveStock, requests);
  if (!step) throw new Error(registry.explainUnmatched(reserveStock, requests).message);
  return step;
}

describe('the stub that answers', () => {
  it('is the one that fixes the most values, in any order of creation', () => {
    stub({ orderId: 'o1', synthetic: true }).replies({ reservation: { reservationId: 'most' } });
    stub().replies({ reservation: { reservationId: 'any' } });
    stub({ orderId: 'o1' }).replies({ reservation: { reservationId: 'one' } });

    const ids = [{ orderId: 'o1', synthetic: true }, { orderId: 'o1' }, { orderId: 'o2' }].map(ask);

    expect(ids).toEqual(['most', 'one', 'any'].map((reservationId) => ({ reservation: { reservationId } })));
  });

  it('is the later one of two for the same values', () => {
    stub({ orderId: 'o1', synthetic: false }).fails(Code.Internal, 'first');
    stub({ synthetic: false, orderId: 'o1' }).fails(Code.Internal, 'second');

    expect(ask({ orderId: 'o1' })).toBe('second');
  });

  it('does not replace another whose long value has the same beginning', () => {
    const long = 'x'.repeat(1000);
    stub({ orderId: `${long}1` }).fails(Code.Internal, 'first');
    stub({ orderId: `${long}2` }).fails(Code.Internal, 'second');

    expect(ask({ orderId: `${long}1` })).toBe('first');
  });

  it('is neither of two equally specific ones, and the error names both', () => {
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

  it('counts only its own calls', () => {
    stub({ orderId: 'o1' }).fails(Code.Internal, 'first of o1').thenHangs();
    stub({ orderId: 'o2' }).fails(Code.Internal, 'first of o2').thenHangs();

    expect([ask({ orderId: 'o1' }), ask({ orderId: 'o2' }), ask({ orderId: 'o1' })]).toEqual([
      'first of o1',
      'first of o2',
      'hang',
    ]);
  });

  it('waits for the sum of its delays, before that step only', () => {
    stub().delays(10).delays(5).replies({}).thenDelays(1).replies({}).thenReplies({});
    const next = () => take({}).delayMs;

    expect([next(), next(), next()]).toEqual([15, 1, 0]);
  });
});

describe('a request that matches no stub', () => {
  it('gets the error that its RPC is not stubbed, also if a stub has no step', () => {
    stub();

    expect(() => ask({})).toThrow('shop.inventory.v1.InventoryService/ReserveStock is not stubbed');
  });

  it('gets the nearest stub and every difference from it', () => {
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
    registry.clear();

    expect(() => ask({})).toThrow('is not stubbed');
  });
});

describe('a stub that depends on the state', () => {
  it('matches calls in one of its states, and changes the state before the answer', () => {
    stub().when('open', 'initial').fails(Code.Internal, 'first').becomes('closed');
    stub().when('closed').hangs();

    expect([registry.state, ask({}), registry.state, ask({}), registry.state]).toEqual([
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
    registry.state = 'closed';

    expect([before, ask({ orderId: 'o1' })]).toEqual(['any state', 'closed']);
  });

  it('matches in no state that is only near one of its own', () => {
    stub().when('open').hangs();

    for (const state of ['opened', 'ope', 'Open', '']) {
      registry.state = state;
      expect(() => ask({})).toThrow(`but state is "${state}", not "open"`);
    }
  });

  it('is named with its states, and the state is among the differences', () => {
    stub({ orderId: 'o1' }).when('open', 'closed').hangs();

    expect(() => ask({ orderId: 'o1' })).toThrow(
      'nearest is stub(ReserveStock, { orderId: "o1" }).when("closed", "open"), but state is "initial", not "closed" or "open"',
    );
  });

  it('returns to the first state when the stubs are cleared', () => {
    stub().hangs().becomes('closed');
    ask({});

    registry.clear();

    expect(registry.state).toBe('initial');
  });

  it('sets its states before its first step', () => {
    const begun = stub();
    begun.hangs();

    expect(() => begun.when('late')).toThrow('when() must come before the first step');
  });
});

describe('a step with a limit', () => {
  it('serves so many calls before the next step', () => {
    stub().fails(Code.Internal, 'first').times(2).thenFails(Code.Internal, 'second').times(2).thenHangs();

    expect([1, 2, 3, 4, 5, 6].map(() => ask({}))).toEqual(['first', 'first', 'second', 'second', 'hang', 'hang']);
  });

  it('leaves further calls unmatched if it is the last', () => {
    stub().hangs().thenHangs().times(2);
    for (let call = 0; call < 3; call += 1) ask({});

    for (const fault of ['stub(ReserveStock) answers 3 times, which it has done', 'answers 3 times']) {
      expect(() => ask({})).toThrow(fault);
    }
  });

  it('serves at least one call', () => {
    expect(() => stub().hangs().times(0)).toThrow('"times" must be a whole number of at least 1, not 0');
  });
});

describe('the configuration of a stub', () => {
  const { listBooks, askLibrarian, returnBooks } = LibraryService.method;
  async function* sendNothing() {
    yield* [];
  }
  const stubOf = <M extends DescMethod>(method: M, match?: object) => createStub<M>(registry.create(method, match));

  it.each([
    { fault: 'has no field "reservatoin"', configure: () => stub().replies({ reservatoin: {} } as object) },
    { fault: 'has no field "lable"', configure: () => stub({ lable: 'a' }) },
    { fault: 'ReserveStock has one request', configure: () => stub([{ orderId: 'o1' }]) },
    {
      fault: 'has no field "boko"',
      configure: () => stubOf(listBooks).replies([{ book: {} }, { boko: {} } as object]),
    },
    { fault: 'ReserveStock is not a conversation', configure: () => stub().converses(sendNothing) },
    { fault: 'ReserveStock answers with one message', configure: () => stub().breaksOff([{}], Code.Internal, 'lost') },
    { fault: 'matches one message, not a list', configure: () => stubOf(askLibrarian, [{ question: 'a' }]) },
    { fault: 'refuse hits whole connections', configure: () => stub().withFault(refuse()) },
    { fault: '"delays" must be a number of at least 0', configure: () => stub().delays(-1) },
    {
      fault: 'cannot both handle whole conversations and answer single messages',
      configure: () => stubOf(askLibrarian).hangs().thenConverses(sendNothing),
    },
    {
      fault: 'cannot both handle whole conversations and answer single messages',
      configure: () =>
        stubOf(askLibrarian)
          .converses(sendNothing)
          .thenReplies(() => ({})),
    },
    {
      fault: 'handles whole conversations, so it cannot match single messages',
      configure: () => stubOf(askLibrarian, { question: 'a' }).converses(sendNothing),
    },
  ])('is refused at once if it is invalid: $fault', ({ fault, configure }) => {
    expect(configure).toThrow(fault);
  });

  it('is refused if one stub handles whole conversations and another single messages', () => {
    stubOf(askLibrarian).converses(sendNothing);

    expect(() => stubOf(askLibrarian, { question: 'a' }).replies({ answer: 'b' })).toThrow(
      'stub(AskLibrarian) handles whole conversations, so the RPC can have no other stub',
    );
  });

  it('can handle whole conversations after another one that was removed', () => {
    stubOf(askLibrarian).converses(sendNothing);
    registry.remove(() => true);

    stubOf(askLibrarian).converses(sendNothing);

    expect(registry.list().map(({ name }) => name)).toEqual(['stub(AskLibrarian)']);
  });

  it('matches a stream of exactly these requests, or one that contains a request', () => {
    stubOf(returnBooks, [{ bookId: 'b1' }, { bookId: 'b2' }]).replies({ count: 2 });
    stubOf(returnBooks, { bookId: 'b9' }).replies({ count: 9 });
    const answerTo = (...bookIds: string[]) => {
      const requests = bookIds.map((bookId) => create(ReturnBooksRequestSchema, { bookId }));
      const step = registry.find(returnBooks, requests);
      return step ? Reflect.get(step.action, 'reply') : registry.explainUnmatched(returnBooks, requests).message;
    };

    expect([answerTo('b1', 'b2'), answerTo('b8', 'b9')]).toEqual([{ count: 2 }, { count: 9 }]);
    expect(answerTo('b1', 'b3')).toContain('but requests[1].bookId is "b3", not "b2"');
    expect(answerTo('b1', 'b2', 'b3', 'b9')).toEqual({ count: 9 });
    expect(answerTo()).toContain('requests.length is 0, not 2');
  });
});

describe('the stubs of a registry', () => {
  const names = () => registry.list().map(({ name }) => name);

  it('are listed in the order of creation, with how many calls each answered', () => {
    stub({ orderId: 'o1' }).replies({}).times(1);
    stub().hangs();
    ask({ orderId: 'o1' });
    ask({ orderId: 'o2' });
    expect(() => ask({ orderId: 'o1' })).toThrow('answers once, which it has done');

    expect(registry.list()).toMatchObject([
      { name: 'stub(ReserveStock, { orderId: "o1" })', answered: 1 },
      { name: 'stub(ReserveStock)', answered: 1 },
    ]);
  });

  it('no longer answer when they are removed, and can be created again', () => {
    stub({ orderId: 'o1' }).replies({});
    stub({ orderId: 'o2' }).replies({});

    const removed = registry.remove(({ name }) => name.includes('"o1"'));

    expect(removed.map(({ name }) => name)).toEqual(['stub(ReserveStock, { orderId: "o1" })']);
    expect(() => ask({ orderId: 'o1' })).toThrow('no stub matches');
    stub({ orderId: 'o1' }).hangs();
    expect([ask({ orderId: 'o1' }), names().length]).toEqual(['hang', 2]);
  });

  it('are two if one accepts the elements of its list in any order', () => {
    const lines = [
      { productId: 'p1', quantity: 1 },
      { productId: 'p2', quantity: 1 },
    ];
    stub({ lines }).replies({});
    stub({ lines: unordered(lines) }).hangs();

    expect(names().length).toBe(2);
    expect(ask({ lines: lines.toReversed() })).toBe('hang');
  });

  it('are as before a change that fails, replaced and removed ones included', () => {
    stub({ orderId: 'o1' }).replies({});
    stub({ orderId: 'o2' }).replies({});
    const before = names();

    const change = () =>
      registry.atomically(() => {
        registry.remove(({ name }) => name.includes('"o2"'));
        stub({ orderId: 'o1' }).hangs();
        stub({ orderId: 'o3', wrong: 1 });
      });

    expect(change).toThrow('wrong');
    expect(names()).toEqual(before);
    expect([ask({ orderId: 'o1' }), ask({ orderId: 'o2' })]).toEqual([{}, {}]);
    stub({ orderId: 'o1' }).hangs();
    expect(names().length).toBe(2);
  });
});
