// The pattern of the requests that a stub or an assertion matches.

import { isDeepStrictEqual } from 'node:util';
import type { DescField, DescMethod, Message, Registry } from '@bufbuild/protobuf';
import { streamsRequests } from '../base/method-kind.ts';
import { nameOf } from '../base/rpc-name.ts';
import { compileLiteral } from '../matching/compile-literal.ts';
import { describePattern } from '../matching/describe-value.ts';
import {
  type Difference,
  differencesWithin,
  elementPath,
  entryPath,
  fewestDifferences,
  fieldPath,
} from '../matching/difference.ts';
import { excludes } from '../matching/excludes.ts';
import { matchMessage } from '../matching/match-message.ts';
import type { MessageLiteral } from '../matching/message-literal.ts';
import type { MessagePattern, Pattern } from '../matching/pattern.ts';
import { ONE_FIXED, type Specificity, specificityOf, sumSpecificity } from '../matching/specificity.ts';
import { valueTypeOf } from '../matching/value-type.ts';

/**
 * The calls to match. A literal matches calls with such a request, or with one among the requests of a stream. A list, for
 * streams only, matches calls with exactly these requests in this order.
 */
export type RequestLiteral<M extends DescMethod> = M['methodKind'] extends 'unary' | 'server_streaming'
  ? MessageLiteral<M['input']>
  : MessageLiteral<M['input']> | readonly MessageLiteral<M['input']>[];

/** One value that a pattern requires. */
export type Statement = {
  /** The path of the value, such as `items[0].quantity`. */
  readonly path: string;
  /** The expected value as text. */
  readonly expected: string;
  readonly pattern: unknown;
};

/** A compiled request literal. */
export type RequestPattern = {
  /** All values that it requires. */
  readonly statements: readonly Statement[];
  readonly specificity: Specificity;
  /** Returns whether the requests of a call certainly do not match, at a quick look. */
  excludes(requests: readonly Message[]): boolean;
  /** Returns the differences between the requests of a call and the pattern: none if they match. */
  differences(requests: readonly Message[]): Difference[];
};

/**
 * Compiles a literal, or a list of them. The pattern of `undefined` matches all requests.
 *
 * @throws {LiteralError} for a field or value that the message type does not have.
 * @throws {TypeError} for a list if the RPC has one request.
 */
export function compileRequests(method: DescMethod, literal: unknown, registry: Registry): RequestPattern {
  const desc = method.input;
  const compile = (value: unknown) => compileLiteral(desc, value as object, registry);
  const differ = (pattern: MessagePattern, request: Message) =>
    matchMessage(desc, pattern, request, { isClosed: false, registry });
  const rate = (pattern: MessagePattern) => specificityOf(desc, pattern, { isClosed: false });
  if (!Array.isArray(literal)) {
    const pattern = compile(literal ?? {});
    const statements = listStatements(pattern, '', registry);
    return {
      statements,
      specificity: rate(pattern),
      excludes: (requests) => requests.length > 0 && requests.every((request) => excludes(pattern, request)),
      differences: (requests) => (statements.length === 0 ? [] : differencesOfNearest(pattern, requests, differ)),
    };
  }
  if (!streamsRequests(method)) {
    throw new TypeError(`${nameOf(method)} has one request, so a list of requests cannot match`);
  }
  const patterns = literal.map(compile);
  return {
    statements: [
      { path: 'requests.length', expected: String(patterns.length), pattern: patterns.length },
      ...patterns.flatMap((pattern, index) => listStatements(pattern, elementPath('requests', index), registry)),
    ],
    // A stream of exactly these requests fixes their number too.
    specificity: sumSpecificity([ONE_FIXED, ...patterns.map(rate)]),
    excludes: (requests) =>
      patterns.some((pattern, index) => requests[index] !== undefined && excludes(pattern, requests[index])),
    differences: (requests) => differencesInOrder(patterns, requests, differ),
  };
}

type Differ = (pattern: MessagePattern, request: Message) => Difference[];

function differencesOfNearest(pattern: MessagePattern, requests: readonly Message[], differ: Differ): Difference[] {
  return (
    fewestDifferences(requests.map((request) => differ(pattern, request))) ?? [
      { path: 'requests', expected: 'at least one', actual: 'none' },
    ]
  );
}

function differencesInOrder(
  patterns: readonly MessagePattern[],
  requests: readonly Message[],
  differ: Differ,
): Difference[] {
  const size = { path: 'requests.length', expected: String(patterns.length), actual: String(requests.length) };
  const differences = patterns.flatMap((pattern, index) => {
    const request = requests[index];
    const found = request ? differ(pattern, request) : [];
    return differencesWithin(elementPath('requests', index), found);
  });
  return patterns.length === requests.length ? differences : [size, ...differences];
}

function listStatements(pattern: MessagePattern, path: string, registry: Registry): Statement[] {
  return pattern.fields.flatMap(({ field, pattern: ofField }) =>
    listOfField(field, ofField, fieldPath(path, field.jsonName), registry),
  );
}

function listOfField(field: DescField, pattern: Pattern, path: string, registry: Registry): Statement[] {
  switch (pattern.kind) {
    case 'message': {
      const inner = listStatements(pattern, path, registry);
      return inner.length > 0 ? inner : [{ path, expected: 'a value', pattern: 'present' }];
    }
    case 'list': {
      const { length } = pattern.elements;
      return [
        { path: `${path}.length`, expected: String(length), pattern: [length, pattern.isOrdered] },
        ...pattern.elements.flatMap((element, index) =>
          listOfField(field, element, elementPath(path, index), registry),
        ),
      ];
    }
    case 'map':
      return pattern.entries.flatMap((entry) =>
        listOfField(field, entry.pattern, entryPath(path, entry.key), registry),
      );
    default:
      return [{ path, expected: describePattern(valueTypeOf(field), pattern, registry), pattern }];
  }
}

/** Returns whether two patterns require the same values. */
export function isSamePattern({ statements: left }: RequestPattern, { statements: right }: RequestPattern): boolean {
  const isIn = (statement: Statement) =>
    right.some(({ path, pattern }) => path === statement.path && isDeepStrictEqual(pattern, statement.pattern));
  return left.length === right.length && left.every(isIn);
}
