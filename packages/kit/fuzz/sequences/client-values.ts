// Values that a caller makes up for each call. Sent again, they would make the service repeat an old answer.

import { randomBytes, randomUUID } from 'node:crypto';
import type { DescMessage, Message } from '@bufbuild/protobuf';
import type { FieldRules, RemainingPath } from '../../recording/field-rules.ts';
import { type MessageValue, valuesOf } from './message-values.ts';

/** Such a value in a request. */
export type ClientValue = {
  /** The message of the request that has it. */
  readonly index: number;
  readonly place: MessageValue;
};

const IS_FRESH = /(^|_)(request_id|idempotency_key|idempotency_token|deduplication_id|client_token|nonce)$/;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Returns the values of requests whose fields have the name of an idempotency key, or which the rules name. */
export function clientValuesOf(desc: DescMessage, messages: readonly Message[], rules: FieldRules): ClientValue[] {
  return messages.flatMap((message, index) =>
    valuesOf(desc, message)
      .filter((place) => IS_FRESH.test(place.field.name) || isNamed(place, rules))
      .map((place) => ({ index, place })),
  );
}

/** Returns whether a header is an idempotency key or the id of a request. */
export function isFreshHeader(name: string): boolean {
  return IS_FRESH.test(name.replaceAll('-', '_'));
}

function isNamed({ steps }: MessageValue, rules: FieldRules): boolean {
  let remaining: readonly RemainingPath[] = [];
  for (const { field } of steps) {
    const match = rules.follow(field, remaining);
    if (match.isNamed) return true;
    remaining = match.remaining;
  }
  return false;
}

/** New values for one run of a sequence: the same for the same recorded value. */
export class FreshValues {
  readonly #values = new Map<string | bigint, string | bigint>();

  /** Returns the new value in place of a recorded one. */
  of(recorded: string | bigint): string | bigint {
    const known = this.#values.get(recorded);
    if (known !== undefined) return known;
    const value = renew(recorded);
    this.#values.set(recorded, value);
    return value;
  }

  /** Returns the new value if one was made for this recorded value. */
  get(recorded: string | bigint): string | bigint | undefined {
    return this.#values.get(recorded);
  }
}

function renew(recorded: string | bigint): string | bigint {
  // Every type of integer has it.
  if (typeof recorded === 'bigint') return BigInt(randomBytes(4).readUInt32BE() >>> 1);
  return UUID.test(recorded) ? randomUUID() : `${recorded}-${randomBytes(4).toString('hex')}`;
}
