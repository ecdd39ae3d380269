// One generated call: the messages, how they are damaged, and the way they are sent.

import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { BodyDamage } from './body-damage.ts';
import type { Deviation } from './deviations.ts';
import type { FuzzWire } from './fuzz-wire.ts';

/** A generated call. */
export type FuzzCall = {
  readonly method: DescMethod;
  readonly wire: FuzzWire;
  /** Exactly one, unless requests are a stream. */
  readonly messages: readonly Message[];
  /** A boundary value in the first message. */
  readonly deviation: Deviation | undefined;
  /** A change of the encoded bytes, after which they may be no message. */
  readonly damage: BodyDamage | undefined;
  /** Whether the message is in the URL, as Connect allows for RPCs without side effects. Default `false`. */
  readonly isGet?: boolean;
  /** Headers of this call alone, such as those that were recorded with it. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** Returns the call without its deviation and its damage. */
export function withoutCause(call: FuzzCall): FuzzCall {
  return { ...call, deviation: undefined, damage: undefined };
}

/** Returns what was done to an ordinary call, such as `order_id: empty string`; an empty text for an ordinary call. */
export function causeOf({ deviation, damage }: FuzzCall): string {
  return [deviation?.name, damage?.kind].filter((name) => name !== undefined).join(', ');
}
