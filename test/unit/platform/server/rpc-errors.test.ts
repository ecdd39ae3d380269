import { toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { DOMAIN } from '#services/domain.ts';
import {
  DomainError,
  type ErrorKind,
  failedPrecondition,
  invalidArgument,
  notFound,
  unavailable,
} from '#services/platform/base/errors.ts';
import { DependencyError } from '#services/platform/client/dependency-error.ts';
import { toConnectError } from '#services/platform/server/rpc-errors.ts';

const toClientError = (error: unknown) => toConnectError(error, DOMAIN);

const codes: Record<ErrorKind, Code> = {
  invalid_argument: Code.InvalidArgument,
  not_found: Code.NotFound,
  failed_precondition: Code.FailedPrecondition,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  unimplemented: Code.Unimplemented,
};

describe('a domain error', () => {
  it.each(Object.entries(codes))('of kind %s becomes the code of the same name', (kind, code) => {
    const error = toClientError(
      new DomainError({ kind: kind as ErrorKind, reason: 'A_REASON', message: 'some words' }),
    );

    expect(error.code).toBe(code);
    expect(error.rawMessage).toBe('some words');
  });

  it('carries its reason, the domain and its metadata as ErrorInfo', () => {
    const error = toClientError(failedPrecondition('INSUFFICIENT_STOCK', 'not enough', { product_id: 'prod456' }));

    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: 'INSUFFICIENT_STOCK', domain: 'shop', metadata: { product_id: 'prod456' } },
    ]);
  });

  it('carries every field violation at once as BadRequest', () => {
    const error = toClientError(
      invalidArgument([
        { field: 'a', description: 'is bad' },
        { field: 'b[1].c', description: 'is worse' },
      ]),
    );

    expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations).toMatchObject([
      { field: 'a', description: 'is bad' },
      { field: 'b[1].c', description: 'is worse' },
    ]);
  });

  it('has neither BadRequest nor RetryInfo when it names no fields and no delay', () => {
    const error = toClientError(notFound('ORDER_NOT_FOUND', 'no such order'));

    expect(error.findDetails(BadRequestSchema)).toEqual([]);
    expect(error.findDetails(RetryInfoSchema)).toEqual([]);
  });

  it.each([
    [0, 0n, 0],
    [250, 0n, 250_000_000],
    [1_000, 1n, 0],
    [61_001, 61n, 1_000_000],
    [0.3, 0n, 1_000_000],
    [999.9, 1n, 0],
  ])('to be retried after %d ms has a RetryInfo that can be serialized', (afterMs, seconds, nanos) => {
    const error = toClientError(unavailable({ reason: 'BUSY', message: 'busy', retryAfterMs: afterMs }));

    const [info] = error.findDetails(RetryInfoSchema);
    expect(info?.retryDelay).toMatchObject({ seconds, nanos });
    expect(() => toBinary(RetryInfoSchema, info!)).not.toThrow();
  });

  it('stays the cause, for the log', () => {
    const cause = notFound('ORDER_NOT_FOUND', 'no such order');

    expect(toClientError(cause).cause).toBe(cause);
  });
});

describe('a failed call to a dependency that no use case handles', () => {
  it('becomes unavailable with a retry delay, without the message of the dependency', () => {
    const cause = new ConnectError('password of db-7 is wrong', Code.Internal);
    const error = toClientError(new DependencyError({ dependency: 'inventory', failure: 'internal', cause }));

    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toBe('inventory is not available now');
    expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 1n, nanos: 0 });
  });

  it.each([
    ['inventory', 'INVENTORY_UNAVAILABLE'],
    ['payment-provider', 'PAYMENT_PROVIDER_UNAVAILABLE'],
  ])('names %s in an upper-snake reason', (dependency, reason) => {
    const error = toClientError(new DependencyError({ dependency, failure: 'timeout' }));

    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason, domain: 'shop' }]);
  });
});

describe('an unexpected error', () => {
  it.each([
    [new Error('select * from secrets')],
    [new TypeError('cannot read x of undefined')],
    ['postgres://order:hunter2@db/shop'],
    [undefined],
  ])('becomes internal with no words of its own: %#', (thrown) => {
    const error = toClientError(thrown);

    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toBe('internal error');
    expect(error.details).toEqual([]);
  });

  it('stays the cause, for the log', () => {
    const cause = new Error('the real reason');

    expect(toClientError(cause).cause).toBe(cause);
  });
});

it('leaves an error that is already fit for the wire as it is', () => {
  const error = new ConnectError('the server is shutting down', Code.Unavailable);

  expect(toClientError(error)).toBe(error);
});
