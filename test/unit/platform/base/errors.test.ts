import { describe, expect, it } from 'vitest';
import {
  DomainError,
  describeError,
  failedPrecondition,
  invalidArgument,
  notFound,
  permissionDenied,
  unavailable,
} from '#services/platform/base/errors.ts';

describe('a domain error', () => {
  it('is an Error that keeps its cause', () => {
    const cause = new Error('socket closed');

    const error = new DomainError({ kind: 'unavailable', reason: 'DATABASE_UNAVAILABLE', message: 'not now', cause });

    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('DomainError');
    expect(error.cause).toBe(cause);
  });

  it('has no cause at all when none is given', () => {
    expect('cause' in new DomainError({ kind: 'not_found', reason: 'ORDER_NOT_FOUND', message: 'no such order' })).toBe(
      false,
    );
  });

  it('has no violations, no metadata and no retry delay by default', () => {
    const error = new DomainError({ kind: 'resource_exhausted', reason: 'TOO_MANY', message: 'too many' });

    expect(error).toMatchObject({ violations: [], metadata: {}, retryAfterMs: undefined });
  });
});

it('lists every violation of bad input in the message and as data', () => {
  const violations = [
    { field: 'items[0].quantity', description: 'must be at least 1, is 0' },
    { field: 'customer_id', description: 'must not be empty' },
  ];

  const error = invalidArgument(violations);

  expect(error).toMatchObject({ kind: 'invalid_argument', reason: 'INVALID_REQUEST', violations });
  expect(error.message).toBe('items[0].quantity: must be at least 1, is 0; customer_id: must not be empty');
});

it.each([
  [notFound('ORDER_NOT_FOUND', 'words'), 'not_found', 'ORDER_NOT_FOUND'],
  [failedPrecondition('ALREADY_CONFIRMED', 'words'), 'failed_precondition', 'ALREADY_CONFIRMED'],
  [permissionDenied('SYNTHETIC_NOT_ALLOWED', 'words'), 'permission_denied', 'SYNTHETIC_NOT_ALLOWED'],
  [
    unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'words', retryAfterMs: 1_000 }),
    'unavailable',
    'DATABASE_UNAVAILABLE',
  ],
])('makes an error of each kind: %#', (error, kind, reason) => {
  expect(error).toBeInstanceOf(DomainError);
  expect(error).toMatchObject({ kind, reason, message: 'words' });
});

it('keeps the metadata of a failed precondition', () => {
  const error = failedPrecondition('INSUFFICIENT_STOCK', 'not enough', { product_id: 'prod456' });

  expect(error.metadata).toEqual({ product_id: 'prod456' });
});

it('has a retry delay only when it is unavailable', () => {
  expect(unavailable({ reason: 'BUSY', message: 'busy', retryAfterMs: 250 }).retryAfterMs).toBe(250);
  expect(notFound('GONE', 'gone').retryAfterMs).toBeUndefined();
});

describe('the message of a thrown value', () => {
  it.each([
    [new Error('it broke'), 'it broke'],
    [Object.assign(new TypeError('x'), { message: '' }), 'TypeError'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
    [null, 'null'],
  ])('are found whatever it is: %#', (thrown, words) => {
    expect(describeError(thrown)).toBe(words);
  });
});
