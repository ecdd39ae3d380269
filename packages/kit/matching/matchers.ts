// What may stand in a message literal in the place of a value: says which values are accepted, and gives an example.

import type { DescMessage } from '@bufbuild/protobuf';
import type { MessageLiteral } from './message-literal.ts';

/** What a matcher accepts. `example` is what a mock provider sends in its place. */
export type MatcherRule =
  | ValueRule
  | { readonly kind: 'like'; readonly example: unknown }
  | { readonly kind: 'anything'; readonly example: unknown }
  | { readonly kind: 'present'; readonly example: unknown }
  | { readonly kind: 'absent' }
  | { readonly kind: 'each'; readonly element: unknown; readonly least: number; readonly most: number | undefined }
  | { readonly kind: 'unordered'; readonly elements: readonly unknown[] };

/** What a matcher accepts that stands for one value: never for a whole list or map. */
export type ValueRule =
  | { readonly kind: 'regex'; readonly expression: RegExp; readonly example: string }
  | { readonly kind: 'anyOf'; readonly values: readonly unknown[] }
  | {
      readonly kind: 'range';
      readonly least: number | bigint;
      readonly most: number | bigint;
      readonly example: number | bigint;
    }
  | { readonly kind: 'packed'; readonly desc: DescMessage; readonly literal: object }
  | { readonly kind: 'fromState'; readonly name: string; readonly example: unknown };

/** Accepts some values of type `T`. */
export class Matcher<out T> {
  declare readonly accepts: T;
  readonly rule: MatcherRule;

  constructor(rule: MatcherRule) {
    this.rule = rule;
  }
}

/**
 * Accepts any value, as long as the field is set: the default of a field without presence does not count, unless
 * `example` is the default itself; booleans may be either. In a message every field, in a list every element is
 * accepted this way: a list like `[a, b]` has at least one element and each is like `a`.
 */
export function like<T>(example: T): Matcher<T> {
  return new Matcher({ kind: 'like', example });
}

/**
 * Accepts texts in which `expression` is found; anchor it with `^` and `$` to mean the whole text.
 *
 * @throws {TypeError} when the expression is global or sticky, or does not accept `example`.
 */
export function regex(expression: RegExp, example: string): Matcher<string> {
  if (expression.global || expression.sticky)
    throw new TypeError(`regex: ${expression} must not have the flags g or y`);
  if (!expression.test(example)) throw new TypeError(`regex: ${expression} does not accept its example "${example}"`);
  return new Matcher({ kind: 'regex', expression, example });
}

/**
 * Stands for a value that the provider chooses when it is brought into its state, such as an id that its database gives. The consumer's test
 * uses the example; the verification calls with the value of this name that the state's handler returns, else with the state's parameter of the
 * name, else with the example, and expects it where it is in an answer.
 *
 * @throws {TypeError} when the name is empty.
 */
export function fromState<T extends string | number | bigint | boolean>(name: string, example: T): Matcher<T> {
  if (name === '') throw new TypeError('fromState: the name of the value is empty');
  return new Matcher({ kind: 'fromState', name, example });
}

/** Accepts each of these values; the first is the example. */
export function anyOf<T extends string | number | bigint | boolean>(...values: [T, ...T[]]): Matcher<T> {
  return new Matcher({ kind: 'anyOf', values });
}

/**
 * Accepts whole numbers from `least` to `most`, both included. The example is `least` by default.
 *
 * @throws {TypeError} when the example is outside.
 */
export function integerRange<T extends number | bigint>(least: T, most: T, example: T = least): Matcher<T> {
  if (example < least || example > most) {
    throw new TypeError(`integerRange: the example ${example} is not from ${least} to ${most}`);
  }
  return new Matcher({ kind: 'range', least, most, example });
}

/** Accepts any timestamp, as long as there is one. */
export function anyTimestamp(example = '2024-02-29T12:00:00Z'): Matcher<{ seconds: bigint; nanos: number }> {
  const milliseconds = Date.parse(example);
  if (Number.isNaN(milliseconds)) throw new TypeError(`anyTimestamp: "${example}" is no time`);
  const seconds = Math.floor(milliseconds / 1000);
  return like({ seconds: BigInt(seconds), nanos: (milliseconds - seconds * 1000) * 1_000_000 });
}

/**
 * Accepts lists in which every element is accepted by `element`, a value or a literal with matchers.
 *
 * @param size how many elements there may be. Default: at least 1, without an upper limit.
 */
export function eachLike<T>(element: T, size: { atLeast?: number; atMost?: number } = {}): Matcher<readonly T[]> {
  const { atLeast: least = 1, atMost: most } = size;
  if (most !== undefined && most < Math.max(least, 1)) {
    throw new TypeError(`eachLike: atMost is ${most}, less than the example's ${Math.max(least, 1)} elements`);
  }
  return new Matcher({ kind: 'each', element, least, most });
}

/** Accepts lists with exactly these elements, in whatever order. */
export function unordered<T>(elements: readonly T[]): Matcher<readonly T[]> {
  return new Matcher({ kind: 'unordered', elements });
}

/** Accepts any value and none. Without an example, a mock provider leaves the field out. */
export function anything(): Matcher<never>;
export function anything<T>(example: T): Matcher<T>;
export function anything(example?: unknown): Matcher<unknown> {
  return new Matcher({ kind: 'anything', example });
}

/** Accepts whatever is set, and does not look into it. */
export function present<T>(example: T): Matcher<T> {
  return new Matcher({ kind: 'present', example });
}

/** Accepts only that the field is not set. */
export function absent(): Matcher<never> {
  return new Matcher({ kind: 'absent' });
}

/** Accepts a `google.protobuf.Any` that holds such a message. */
export function packed<Desc extends DescMessage>(
  desc: Desc,
  literal: MessageLiteral<Desc>,
): Matcher<{ typeUrl: string; value: Uint8Array }> {
  return new Matcher({ kind: 'packed', desc, literal: literal as object });
}
