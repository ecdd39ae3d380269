// What the tests of matching share: a book compared with a literal, on the schema of the kit's example service.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  BookSchema,
  LibraryService,
  RefusalSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { compilePattern } from '../../../../packages/kit/matching/compile-pattern.ts';
import { matchMessage } from '../../../../packages/kit/matching/match-message.ts';
import type { MessageLiteral } from '../../../../packages/kit/matching/message-literal.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';

export { BookSchema, RefusalSchema };

export const registry = createTypeRegistry([LibraryService]);

export type BookLiteral = MessageLiteral<typeof BookSchema>;
type BookInit = MessageInitShape<typeof BookSchema>;

/** Returns how a book that came over the wire differs from a literal, a line each. */
export function differencesOf(literal: BookLiteral, book: BookInit, { isClosed = false } = {}): string[] {
  const received = fromBinary(BookSchema, toBinary(BookSchema, create(BookSchema, book)));
  const differences = matchMessage(BookSchema, compilePattern(BookSchema, literal), received, { isClosed, registry });
  return differences.map(({ path, expected, actual }) => `${path}: ${expected} / ${actual}`);
}
