// Generators of calls: ordinary ones, ones with a boundary value, damaged ones, and ones with any values.

import type { DescMethod, Message } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { streamsRequests } from '../../base/method-kind.ts';
import { type DamageKind, ENVELOPE_DAMAGE, EVERY_DAMAGE, JSON_DAMAGE } from './body-damage.ts';
import { type Deviation, listDeviations } from './deviations.ts';
import type { FuzzCall } from './fuzz-call.ts';
import { canCarry, type FuzzWire, isEnveloped, mayGet } from './fuzz-wire.ts';
import { messagesOf } from './messages.ts';
import type { RuleHints } from './rule-hints.ts';

/** What calls are generated from. */
export type GeneratorSource = {
  readonly methods: readonly DescMethod[];
  readonly wires: readonly FuzzWire[];
  readonly hints: RuleHints;
  /** Requests that the service is known to accept, by RPC. */
  readonly examples: ReadonlyMap<DescMethod, readonly Message[]>;
};

/** Calls of one RPC that have something in common, in the order in which they should be tried. */
export type CallGroup = {
  readonly method: DescMethod;
  readonly calls: fc.Arbitrary<FuzzCall>;
};

type Change = { readonly deviation?: Deviation; readonly damage?: DamageKind };

const EXAMPLE_WEIGHT = 3;

/** Returns an ordinary call of each RPC on each wire. */
export function ordinaryCalls(source: GeneratorSource): CallGroup[] {
  return source.methods.flatMap((method) =>
    wiresOf(source, method).map((wire) => ({ method, calls: callsOf({ ...source, wires: [wire] }, method, {}) })),
  );
}

/** Returns, for each RPC, calls with each boundary value and with each damage. */
export function changedCalls(source: GeneratorSource): CallGroup[] {
  return source.methods.flatMap((method) => {
    const wires = wiresOf(source, method);
    const damaged = [
      ...EVERY_DAMAGE.map((kind) => [kind, wires] as const),
      ...JSON_DAMAGE.map((kind) => [kind, wires.filter(({ codec }) => codec === 'json')] as const),
      ...ENVELOPE_DAMAGE.map((kind) => [kind, wires.filter((wire) => isEnveloped(wire, method))] as const),
    ];
    return [
      ...listDeviations(method.input).map((deviation) => ({ method, calls: callsOf(source, method, { deviation }) })),
      ...damaged
        .filter(([, usable]) => usable.length > 0)
        .map(([damage, usable]) => ({ method, calls: callsOf({ ...source, wires: usable }, method, { damage }) })),
    ];
  });
}

/** Returns calls of one RPC with any values of its types. */
export function randomCalls(source: GeneratorSource, method: DescMethod): CallGroup {
  const { hints } = source;
  const messages = sizedFor(method, messagesOf(method.input, { values: 'any', hints }), 0);
  return { method, calls: toCalls(method, wiresOf(source, method), messages, {}) };
}

function callsOf(source: GeneratorSource, method: DescMethod, change: Change): fc.Arbitrary<FuzzCall> {
  const { hints, examples } = source;
  const generated = messagesOf(method.input, { values: 'plausible', hints });
  const known = examples.get(method) ?? [];
  const message =
    known.length === 0
      ? generated
      : fc.oneof({ arbitrary: generated, weight: 1 }, { arbitrary: fc.constantFrom(...known), weight: EXAMPLE_WEIGHT });
  return toCalls(method, wiresOf(source, method), sizedFor(method, message, 1), change);
}

function sizedFor(method: DescMethod, message: fc.Arbitrary<Message>, minLength: number): fc.Arbitrary<Message[]> {
  return streamsRequests(method) ? fc.array(message, { minLength, maxLength: 3 }) : message.map((only) => [only]);
}

function toCalls(
  method: DescMethod,
  wires: readonly FuzzWire[],
  messages: fc.Arbitrary<Message[]>,
  { deviation, damage: kind }: Change,
): fc.Arbitrary<FuzzCall> {
  const damage =
    kind === undefined
      ? fc.constant(undefined)
      : fc.record({
          kind: fc.constant(kind),
          at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
          bytes: fc.uint8Array({ maxLength: 40 }),
        });
  return fc.record({
    method: fc.constant(method),
    wire: fc.constantFrom(...wires),
    messages,
    deviation: fc.constant(deviation),
    damage,
    isGet: wires.some((wire) => mayGet(wire, method)) ? fc.boolean() : fc.constant(false),
  });
}

function wiresOf({ wires }: GeneratorSource, method: DescMethod): readonly FuzzWire[] {
  return wires.filter((wire) => canCarry(wire, method));
}
