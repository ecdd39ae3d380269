// Makes a planned call from a recorded one: values of earlier answers are put in, then its change.

import { clone, type Message } from '@bufbuild/protobuf';
import type { SequenceCall, TakenValue } from '../calls/finding.ts';
import type { FuzzWire } from '../calls/fuzz-wire.ts';
import type { Answer } from '../calls/read-answer.ts';
import { type FreshValues, isFreshHeader } from './client-values.ts';
import { valuesOf, withValue } from './message-values.ts';
import type { PlannedCall } from './plan.ts';
import type { Link, RecordedCall, Source } from './recorded-calls.ts';

/** What has happened in the sequence so far. */
export type SequenceState = {
  readonly wire: FuzzWire;
  /** The latest answer to each recorded call. */
  readonly answers: ReadonlyMap<number, GivenAnswer>;
  readonly fresh: FreshValues;
};

/** An answer, and to which call of the sequence it was given; 1 is the first. */
export type GivenAnswer = { readonly call: number; readonly recorded: RecordedCall; readonly answer: Answer };

/** Returns the call. Values whose source has no answer, or another one, stay as recorded. */
export function prepareCall({ recorded, change }: PlannedCall, { wire, answers, fresh }: SequenceState): SequenceCall {
  const { method, links, headers } = recorded;
  const taken: TakenValue[] = [];
  const messages = recorded.messages.map((message) => clone(method.input, message));
  const apply = (index: number, changed: (message: Message) => Message) => {
    const message = messages[index];
    if (message) messages[index] = changed(message);
  };
  for (const { index, place } of recorded.fresh) {
    apply(index, (message) => withValue(method.input, message, place, fresh.of(place.value)));
  }
  for (const recordedLink of links) {
    const { index, target, source } = isSameTarget(change?.link, recordedLink) ? change.link : recordedLink;
    const given = answers.get(source.call);
    const value = given && readSource(given, source);
    if (given === undefined || value === undefined) continue;
    apply(index, (message) => withValue(method.input, message, target, value));
    taken.push({ field: target.path, call: given.call, from: source.place.path });
  }
  if (change?.apply) apply(0, change.apply);
  return {
    taken,
    renewed: [...recorded.fresh.map(({ place }) => place.path), ...Object.keys(headers).filter(isFreshHeader)],
    change: change?.name ?? '',
    call: {
      method,
      wire,
      messages,
      deviation: change?.deviation,
      damage: undefined,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, isFreshHeader(name) ? String(fresh.of(value)) : value]),
      ),
    },
  };
}

function readSource({ recorded, answer }: GivenAnswer, { index, place }: Source): string | bigint | undefined {
  const message = answer.kind === 'ok' ? answer.messages[index] : undefined;
  return message && valuesOf(recorded.method.output, message).find(({ path }) => path === place.path)?.value;
}

function isSameTarget(link: Link | undefined, { index, target }: Link): link is Link {
  return link?.index === index && link.target.path === target.path;
}
