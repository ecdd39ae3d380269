// A literal after it was checked against its message type: a tree that can be matched, written to a file and read back.
// Values are in the form that protobuf-es' reflection gives them.

import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';

/** A scalar, the number of an enum value, or a message that is compared as a whole. */
export type Leaf = string | number | bigint | boolean | Uint8Array | Message;

/** Which messages are accepted: those whose fields are. */
export interface MessagePattern {
  readonly kind: 'message';
  readonly fields: readonly FieldPattern[];
}

export interface FieldPattern {
  readonly field: DescField;
  readonly pattern: Pattern;
}

/** Which values are accepted in one place of a message. */
export type Pattern =
  | { readonly kind: 'equal' | 'like'; readonly example: Leaf }
  | { readonly kind: 'regex'; readonly expression: RegExp; readonly example: string }
  | { readonly kind: 'anyOf'; readonly values: readonly Leaf[] }
  | {
      readonly kind: 'range';
      readonly least: number | bigint;
      readonly most: number | bigint;
      readonly example: number | bigint;
    }
  /** `example` is a pattern only for what a stand-in sends; nothing is compared with it. */
  | { readonly kind: 'anything'; readonly example: Pattern | undefined }
  | { readonly kind: 'present'; readonly example: Pattern }
  | { readonly kind: 'absent' }
  | MessagePattern
  | { readonly kind: 'packed'; readonly desc: DescMessage; readonly content: MessagePattern }
  | CollectionPattern;

/** Which lists or maps are accepted. */
export type CollectionPattern =
  | { readonly kind: 'list'; readonly elements: readonly Pattern[]; readonly isOrdered: boolean }
  | { readonly kind: 'each'; readonly element: Pattern; readonly least: number; readonly most: number | undefined }
  | { readonly kind: 'map'; readonly entries: readonly EntryPattern[] }
  | { readonly kind: 'eachEntry'; readonly example: EntryPattern };

export interface EntryPattern {
  /** The key as it is written in a literal and in JSON. */
  readonly key: string;
  readonly pattern: Pattern;
}

/** Returns how many values a pattern leaves open: the fewer, the more specific it is. */
export function countOpenPlaces(pattern: Pattern): number {
  switch (pattern.kind) {
    case 'equal':
    case 'absent':
      return 0;
    case 'message':
      return sum(pattern.fields.map((field) => countOpenPlaces(field.pattern)));
    case 'packed':
      return countOpenPlaces(pattern.content);
    case 'list':
      return sum(pattern.elements.map(countOpenPlaces)) + (pattern.isOrdered ? 0 : 1);
    case 'map':
      return sum(pattern.entries.map((entry) => countOpenPlaces(entry.pattern)));
    default:
      return 1;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
