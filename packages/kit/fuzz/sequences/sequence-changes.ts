// Changes of a recorded sequence, each of one call: left out, made twice, made earlier or later, or with another value.

import type { DescMessage, Message } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import * as fc from 'fast-check';
import { listDeviations } from '../calls/deviations.ts';
import { messagesOf } from '../calls/messages.ts';
import type { RuleHints } from '../calls/rule-hints.ts';
import type { PlannedCall, SequencePlan, ValueChange } from './plan.ts';
import type { Link, RecordedCall } from './recorded-calls.ts';

/** A changed sequence, before it is decided how it is sent. */
export type ChangedSequence = Omit<SequencePlan, 'wire'>;

/** A sequence with more calls is cut. */
const MAX_CALLS = 30;

/**
 * Cuts recorded calls into sequences. A call whose answer has a value for a later sequence is made at the beginning of that one too.
 */
export function cutSequences(calls: readonly RecordedCall[]): RecordedCall[][] {
  const byNumber = new Map(calls.map((call) => [call.number, call]));
  const sequences: RecordedCall[][] = [];
  for (let from = 0; from < calls.length; from += MAX_CALLS) {
    const needed = new Set(calls.slice(from, from + MAX_CALLS));
    // A set is iterated up to what is added on the way, so sources of sources are found too.
    for (const { links } of needed) {
      for (const { source } of links) {
        const origin = byNumber.get(source.call);
        if (origin) needed.add(origin);
      }
    }
    sequences.push([...needed].toSorted((a, b) => a.number - b.number));
  }
  return sequences;
}

/** Returns the sequence as it was recorded. */
export function unchanged(sequence: readonly RecordedCall[]): ChangedSequence {
  return { name: '', calls: sequence.map((recorded) => ({ recorded })) };
}

/** Returns the sequences in which one call is left out, made twice, or made at another time. */
export function orderChanges(sequence: readonly RecordedCall[]): ChangedSequence[] {
  const { calls } = unchanged(sequence);
  return calls.flatMap((call, index): ChangedSequence[] => {
    const what = describe(call.recorded);
    const others = calls.toSpliced(index, 1);
    const next = calls[index + 1];
    return [
      { name: `${what} twice`, calls: calls.toSpliced(index, 0, call) },
      ...(others.length > 0 ? [{ name: `without ${what}`, calls: others }] : []),
      ...(next
        ? [{ name: `${what} after ${describe(next.recorded)}`, calls: others.toSpliced(index + 1, 0, call) }]
        : []),
      ...(next ? [{ name: `${what} again at the end`, calls: [...calls, call] }] : []),
      ...(index > 1 ? [{ name: `${what} first`, calls: [call, ...others] }] : []),
    ];
  });
}

/** Returns the sequences in which one call has another value. */
export function valueChanges(sequence: readonly RecordedCall[], hints: RuleHints, seed: number): ChangedSequence[] {
  const { calls } = unchanged(sequence);
  return calls.flatMap(({ recorded }, index) =>
    changesOf(recorded, sequence, { hints, seed: seed + index }).map((change) => {
      const changed: PlannedCall = { recorded, change };
      return { name: `${describe(recorded)} with ${change.name}`, calls: calls.with(index, changed) };
    }),
  );
}

function describe({ method, number }: RecordedCall): string {
  return `${method.name} (call ${number})`;
}

function changesOf(
  call: RecordedCall,
  sequence: readonly RecordedCall[],
  generating: { hints: RuleHints; seed: number },
): ValueChange[] {
  if (call.messages.length === 0) return [];
  const { input } = call.method;
  return [
    ...listDeviations(input).map((deviation) => ({ name: deviation.name, deviation })),
    ...otherValues(input, call, generating),
    ...otherLinks(call, sequence),
  ];
}

// A plausible value for each field that is no value of an earlier answer.
function otherValues(
  desc: DescMessage,
  { links }: RecordedCall,
  { hints, seed }: { hints: RuleHints; seed: number },
): ValueChange[] {
  const linked = new Set(links.map(({ target }) => target.steps[0]?.field));
  const [generated] = fc.sample(messagesOf(desc, { values: 'plausible', hints }), { seed, numRuns: 1 });
  if (!generated) return [];
  const given = reflect(desc, generated);
  return desc.fields
    .filter((field) => !linked.has(field) && given.isSet(field))
    .map((field) => ({
      name: `${field.name}: another value`,
      apply: (message: Message) => {
        const changed = reflect(desc, message);
        changed.set(field, given.get(field) as never);
        return message;
      },
    }));
}

// The id of another order, where the recording has one.
function otherLinks({ links, number }: RecordedCall, sequence: readonly RecordedCall[]): ValueChange[] {
  const sources = sequence.flatMap((call) => call.links).filter(({ source }) => source.call < number);
  return links.flatMap((link) => {
    const { target, source } = link;
    const other = sources.find((candidate) => isOther(candidate, link));
    if (!other) return [];
    const name = `${target.path}: ${source.place.path} of call ${other.source.call}`;
    return [{ name, link: { ...link, source: other.source } }];
  });
}

function isOther({ source: { call, place }, target }: Link, { source, target: own }: Link): boolean {
  return call !== source.call && place.field === source.place.field && target.value !== own.value;
}
