// The fuzzer of events against a small consumer, which is right or has one of three bugs.
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { OrderCreatedSchema } from '#gen/shop/order/v1/order_events_pb.ts';
import { findViolations } from '#services/platform/base/contract-rules.ts';
import { consumedEvents } from '../../fuzz/consumed-events.ts';
import { type FuzzedEvent, generateEvents } from '../../fuzz/event-generator.ts';
import { type ConsumerUnderTest, fuzzConsumer } from '../../fuzz/fuzz-consumer.ts';

type Bug = 'none' | 'stops at bytes that cannot be read' | 'loses an event' | 'applies a broken order id';

/** A consumer of OrderCreated in memory. */
function createConsumer(bug: Bug): ConsumerUnderTest {
  const deadLetters = new Set<string>();
  let handled = 0;
  let waiting = 0;
  const handle = ({ id, payload }: FuzzedEvent): void => {
    handled += 1;
    try {
      const violations = findViolations(OrderCreatedSchema, fromBinary(OrderCreatedSchema, payload));
      const ignored = bug === 'applies a broken order id' ? 'order_id' : 'nothing';
      if (violations.some(({ field }) => !field.endsWith(ignored))) deadLetters.add(id);
    } catch {
      if (bug === 'stops at bytes that cannot be read') waiting = 1;
      else deadLetters.add(id);
    }
  };
  return {
    publish: async (event) => {
      if (waiting > 0) waiting += 1;
      else if (bug !== 'loses an event' || handled !== 7) handle(event);
      else handled = 7.5;
    },
    waiting: async () => waiting,
    handled: async () => Math.floor(handled),
    deadLetterIds: async () => deadLetters,
  };
}

const limits = { timeoutMs: 1, signal: new AbortController().signal };
const events = () => generateEvents(OrderCreatedSchema, { seed: 7, count: 200 });

describe('generated events', () => {
  it('are valid, boundary and broken ones, the same for the same seed', async () => {
    const [first, second] = [await events(), await events()];

    expect(first.map(({ payload }) => payload)).toEqual(second.map(({ payload }) => payload));
    expect(first.filter(({ cause, fault }) => cause === '' && fault === undefined).length).toBeGreaterThan(10);
    const faults = new Set(first.map(({ fault }) => fault));
    expect([...faults]).toEqual(
      expect.arrayContaining([undefined, 'cannot be read', 'violates order_id: string.identifier']),
    );
  });

  it('without a boundary value or a damage satisfy the contract', async () => {
    for (const { schemas } of consumedEvents('analytics')) {
      for (const schema of schemas) {
        const generated = await generateEvents(schema, { seed: 3, count: 10 });
        expect(generated.filter(({ cause, fault }) => cause === '' && fault !== undefined)).toEqual([]);
      }
    }
  });

  it('are of the types that a service handles, by producer', () => {
    const listed = consumedEvents('order').map(({ producer, schemas }) => [producer, schemas.length]);

    expect(listed).toEqual([
      ['inventory', 3],
      ['payment', 2],
    ]);
    expect(consumedEvents('monitor')).toEqual([]);
  });
});

describe('a consumer', () => {
  it('that stores every broken event as a dead letter has no finding', async () => {
    const report = await fuzzConsumer(createConsumer('none'), await events(), limits);

    expect(report).toMatchObject({ events: 200, findings: [] });
    expect(report.deadLetters).toBeGreaterThan(10);
  });

  it.each<[Bug, RegExp]>([
    ['stops at bytes that cannot be read', /^stopped: \d+ events wait/],
    ['loses an event', /^lost events: 200 were published, \d+ handled$/],
    [
      'applies a broken order id',
      /^applied a shop\.order\.v1\.OrderCreated that violates order_id: string\.identifier, because of order_id: .*: \d+ times; no dead letter of /,
    ],
  ])('that %s is found', async (bug, finding) => {
    const { findings } = await fuzzConsumer(createConsumer(bug), await events(), limits);

    expect(findings[0]).toMatch(finding);
  });
});
