// The page has a word for everything that the contracts can say.
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { create, type DescMessage, toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { ProcessState, ProcessStateSchema } from '#gen/local/control/v1/control_pb.ts';
import {
  type OrderReason,
  OrderReasonSchema,
  type OrderStatus,
  OrderStatusSchema,
  OrderStep,
  OrderStepSchema,
  StepState,
} from '#gen/shop/order/v1/order_pb.ts';
import { decodeEvent } from '#services/console/page/src/model/events.ts';
import { happeningsBetween } from '#services/console/page/src/model/happenings.ts';
import { describeReason, describeStatus, stepRows } from '#services/console/page/src/model/order-steps.ts';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const files = globSync('gen/shop/*/v1/*_events_pb.ts', { cwd: REPOSITORY });
const events = (
  await Promise.all(
    files.map(async (path) => Object.values((await import(`${REPOSITORY}${path}`)) as Record<string, DescMessage>)),
  )
)
  .flat()
  .filter((value) => value.kind === 'message');

it('for every status and every reason of an order', () => {
  const statuses = OrderStatusSchema.values.filter(({ number }) => number > 0);

  expect(statuses.map(({ number }) => describeStatus(number as OrderStatus).label)).toEqual(
    statuses.map(({ localName }) => localName),
  );
  for (const { number } of OrderReasonSchema.values.slice(1))
    expect(describeReason(number as OrderReason)).toMatch(/^[a-z ]{5,}$/);
});

it('for every step of an order', () => {
  const known = OrderStepSchema.values.filter(({ number }) => number !== OrderStep.UNSPECIFIED);
  const rows = stepRows(known.map(({ number }) => ({ step: number as OrderStep, state: StepState.DONE, detail: '' })));

  expect(rows.filter(({ label }) => label === 'Unknown step')).toEqual([]);
  expect(new Set(rows.map(({ label }) => label)).size).toBe(known.length);
});

it('for every state of a process', () => {
  const states = ProcessStateSchema.values.map(({ number }) => number as ProcessState);
  const silent = states.filter((state) => {
    const look = (of: ProcessState) => ({
      processes: [{ name: 'p', state: of, restarts: 0 }],
      breakers: [],
      queues: [],
    });
    return happeningsBetween(look(ProcessState.UNSPECIFIED), look(state)).length === 0;
  });

  // A process of another stack never changes here.
  expect(silent).toEqual([ProcessState.UNSPECIFIED, ProcessState.EXTERNAL]);
});

it('for every event', () => {
  const unreadable = events.filter(
    (schema) => !decodeEvent(schema.typeName, toBinary(schema, create(schema))).readable,
  );

  expect(events.length).toBeGreaterThan(10);
  expect(unreadable.map(({ typeName }) => typeName)).toEqual([]);
});
