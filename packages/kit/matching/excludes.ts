// A quick look at what fixes most patterns: plain values of fields. Among thousands of candidates it leaves few to compare in full.

import { type DescField, type Message, ScalarType } from '@bufbuild/protobuf';
import type { MessagePattern } from './pattern.ts';

// Their values are primitives in every message, and are equal only if they are identical.
const PLAIN_SCALARS: ReadonlySet<ScalarType> = new Set([
  ScalarType.STRING,
  ScalarType.BOOL,
  ScalarType.INT32,
  ScalarType.SINT32,
  ScalarType.SFIXED32,
  ScalarType.UINT32,
  ScalarType.FIXED32,
  ScalarType.INT64,
  ScalarType.SINT64,
  ScalarType.SFIXED64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
]);

/** Returns whether a pattern certainly refuses a message. If not, only `matchMessage` tells. */
export function excludes({ fields }: MessagePattern, message: Message): boolean {
  const values = message as unknown as Readonly<Record<string, unknown>>;
  return fields.some(
    ({ field, pattern }) => pattern.kind === 'equal' && isPlain(field) && values[field.localName] !== pattern.example,
  );
}

function isPlain(field: DescField): boolean {
  if (field.oneof) return false;
  // Numbers of 64 bits may be texts in messages (`jstype`), and never are in patterns.
  if (field.fieldKind === 'scalar') return PLAIN_SCALARS.has(field.scalar) && !field.longAsString;
  return field.fieldKind === 'enum';
}
