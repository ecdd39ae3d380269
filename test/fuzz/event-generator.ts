// Generated events of one type: valid ones, ones with a boundary value, and bytes that are no event.
import { randomUUID } from 'node:crypto';
import { createRegistry, type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { damagePayload, EVERY_DAMAGE } from '../../packages/kit/fuzz/calls/body-damage.ts';
import { listDeviations } from '../../packages/kit/fuzz/calls/deviations.ts';
import { encodeMessage } from '../../packages/kit/fuzz/calls/encode-request.ts';
import { messagesOf } from '../../packages/kit/fuzz/calls/messages.ts';
import { loadRules, type Rules } from '../../packages/kit/fuzz/calls/rule-hints.ts';

export type FuzzedEvent = {
  readonly id: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  /** What was done to a valid event, such as `order_id: empty string`; empty for a valid one. */
  readonly cause: string;
  /** Why it can never be applied: it cannot be read, or violates a rule of its contract. Undefined if a consumer may apply it. */
  readonly fault: string | undefined;
};

/** Generates events of a type: about a quarter is valid, a quarter damaged, the others have a boundary value. */
export async function generateEvents(
  schema: DescMessage,
  { seed, count }: { readonly seed: number; readonly count: number },
): Promise<FuzzedEvent[]> {
  const files = [schema.file, ...schema.file.dependencies];
  const rules = await loadRules(files, createRegistry(...files));
  const valid = messagesOf(schema, { values: 'plausible', hints: rules.hints }).filter(
    (message) => rules.violationOf(schema, message) === undefined,
  );
  const boundary = fc.record({ message: valid, deviation: fc.constantFrom(...listDeviations(schema)) });
  const damaged = fc.record({
    message: valid,
    kind: fc.constantFrom(...EVERY_DAMAGE),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bytes: fc.uint8Array({ maxLength: 40 }),
  });
  const made = fc.oneof(
    { arbitrary: valid.map((message) => ({ payload: encodeMessage(schema, message), cause: '' })), weight: 1 },
    {
      arbitrary: boundary.map(({ message, deviation }) => ({
        payload: encodeMessage(schema, deviation.apply(message)),
        cause: deviation.name,
      })),
      weight: 2,
    },
    {
      arbitrary: damaged.map(({ message, kind, at, bytes }) => ({
        payload: damagePayload(toBinary(schema, message), { kind, at, bytes }, schema, false),
        cause: kind,
      })),
      weight: 1,
    },
  );
  return fc.sample(made, { seed, numRuns: count }).map(({ payload, cause }) => ({
    id: randomUUID(),
    subject: schema.typeName,
    payload,
    cause,
    fault: faultOf(schema, payload, rules),
  }));
}

function faultOf(schema: DescMessage, payload: Uint8Array, rules: Rules): string | undefined {
  let event: Message;
  try {
    event = fromBinary(schema, payload);
  } catch {
    return 'cannot be read';
  }
  const violation = rules.violationOf(schema, event);
  return violation === undefined ? undefined : `violates ${violation}`;
}
