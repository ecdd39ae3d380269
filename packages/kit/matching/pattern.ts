// The pattern of a message: a literal that was checked against its message type, as a tree that can be matched, written to a
// file and read. Values are in the form that protobuf-es' reflection uses.

import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';

/** A scalar, the number of an enum value, or a message that is compared as a whole. */
export type Leaf = string | number | bigint | boolean | Uint8Array | Message;

/** Accepts the messages whose fields are accepted. */
export type MessagePattern = {
  readonly kind: 'message';
  readonly fields: readonly FieldPattern[];
};

export type FieldPattern = {
  readonly field: DescField;
  readonly pattern: Pattern;
};

/** The values that are accepted in one place of a message. */
export type Pattern =
  /** `fromState` is the name of a value that a provider state may give in place of the example. */
  | { readonly kind: 'equal'; readonly example: Leaf; readonly fromState?: string }
  | { readonly kind: 'like'; readonly example: Leaf }
  | { readonly kind: 'regex'; readonly expression: RegExp; readonly example: string }
  | { readonly kind: 'anyOf'; readonly values: readonly Leaf[] }
  | {
      readonly kind: 'range';
      readonly least: number | bigint;
      readonly most: number | bigint;
      readonly example: number | bigint;
    }
  /** `example` is what a mock provider sends; no value is compared with it. */
  | { readonly kind: 'anything'; readonly example: Pattern | undefined }
  | { readonly kind: 'present'; readonly example: Pattern }
  | { readonly kind: 'absent' }
  | MessagePattern
  | { readonly kind: 'packed'; readonly desc: DescMessage; readonly content: MessagePattern }
  | CollectionPattern;

/** The lists or maps that are accepted. */
export type CollectionPattern =
  | { readonly kind: 'list'; readonly elements: readonly Pattern[]; readonly isOrdered: boolean }
  | { readonly kind: 'each'; readonly element: Pattern; readonly least: number; readonly most: number | undefined }
  | { readonly kind: 'map'; readonly entries: readonly EntryPattern[] }
  | { readonly kind: 'eachEntry'; readonly example: EntryPattern };

export type EntryPattern = {
  /** The key as in a literal and in JSON. */
  readonly key: string;
  readonly pattern: Pattern;
};
