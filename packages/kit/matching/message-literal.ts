// The type of a message literal: any part of a message of one type, with matchers where a value may be one of many.

import type { DescMessage, Message, MessageShape } from '@bufbuild/protobuf';
import type { Matcher } from './matchers.ts';

/** A message of this type in part: fields left out are not spoken of. Any value may be a matcher. */
export type MessageLiteral<Desc extends DescMessage> = string extends MessageShape<Desc>['$typeName']
  ? Readonly<Record<string, unknown>>
  : Fields<MessageShape<Desc>>;

type Fields<T> = {
  readonly [Name in keyof T as Name extends '$typeName' | '$unknown' ? never : Name]?: Literal<T[Name]> | undefined;
};

type Literal<Value> = Matcher<Plain<Value>> | Plain<Value>;

type Plain<Value> = Value extends string | number | bigint | boolean | Uint8Array | null | undefined
  ? Value
  : Value extends readonly (infer Element)[]
    ? readonly Literal<Element>[]
    : Value extends Message
      ? Fields<Value>
      : Value extends { case: infer Case; value: infer Chosen }
        ? { readonly case: Case; readonly value: Literal<Chosen> }
        : Value extends { case: undefined }
          ? Value
          : { readonly [Key in keyof Value]: Literal<Value[Key]> };
