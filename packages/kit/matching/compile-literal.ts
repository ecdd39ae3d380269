// The pattern of a message literal that a test writes, in the forms of protobuf-es or of proto3 JSON.

import type { DescMessage, Registry } from '@bufbuild/protobuf';
import { assertObject } from './check-leaf.ts';
import { compilePattern } from './compile-pattern.ts';
import type { MessagePattern } from './pattern.ts';
import { readLiteral } from './read-literal.ts';

/**
 * Returns the pattern of a literal. What it leaves out, the pattern does not speak of.
 *
 * @param registry the types that JSON may hold in a `google.protobuf.Any`.
 * @throws {LiteralError} for a field, a oneof case or an enum value that does not exist, and for a value of a wrong type.
 */
export function compileLiteral(desc: DescMessage, literal: object, registry: Registry): MessagePattern {
  assertObject(literal, { path: '' }, `a ${desc.typeName}`);
  return compilePattern(desc, readLiteral(desc, literal, registry));
}
