import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { classifyCall } from '#services/platform/client/call-policy.ts';
import { type CallFailure, DependencyError, toDependencyError } from '#services/platform/client/dependency-error.ts';

/** What each code means when the dependency sent it, and when the client library derived it from an answer. */
const failures: Record<keyof typeof Code, readonly [sent: CallFailure, made: CallFailure]> = {
  Canceled: ['unreachable', 'unreachable'],
  Unknown: ['internal', 'unreadable'],
  InvalidArgument: ['not_understood', 'unreadable'],
  DeadlineExceeded: ['timeout', 'timeout'],
  NotFound: ['refused', 'refused'],
  AlreadyExists: ['refused', 'refused'],
  PermissionDenied: ['refused', 'refused'],
  ResourceExhausted: ['overloaded', 'overloaded'],
  FailedPrecondition: ['refused', 'refused'],
  Aborted: ['unreachable', 'unreachable'],
  OutOfRange: ['not_understood', 'unreadable'],
  Unimplemented: ['not_understood', 'unreadable'],
  Internal: ['internal', 'unreadable'],
  Unavailable: ['unreachable', 'unreachable'],
  DataLoss: ['internal', 'unreadable'],
  Unauthenticated: ['refused', 'refused'],
};
const rows = Object.entries(failures).map(([code, [sent, made]]) => ({ code, sent, made })) as readonly {
  code: keyof typeof Code;
  sent: CallFailure;
  made: CallFailure;
}[];

function sentByDependency(code: Code, message = 'words'): ConnectError {
  return Object.assign(new ConnectError(message, code), { isWireError: true });
}

describe('a failed call', () => {
  it.each(rows)('with code $code is $sent when the dependency sent it', ({ code, sent }) => {
    const error = toDependencyError('inventory', sentByDependency(Code[code]), false);

    expect(error).toMatchObject({ dependency: 'inventory', failure: sent });
  });

  it.each(rows)('with code $code is $made when the client made it of what came', ({ code, made }) => {
    const error = toDependencyError('inventory', new ConnectError('words', Code[code]), false);

    expect(error).toMatchObject({ dependency: 'inventory', failure: made });
  });

  it.each<[number, Code, CallFailure]>([
    [400, Code.Internal, 'not_understood'],
    [404, Code.Unimplemented, 'not_understood'],
    [415, Code.Unknown, 'not_understood'],
    [500, Code.Unknown, 'internal'],
    [302, Code.Unknown, 'unreadable'],
  ])('answered by HTTP %d without an error of the protocol is classified by the status', (status, code, failure) => {
    expect(toDependencyError('inventory', new ConnectError(`HTTP ${status}`, code), false).failure).toBe(failure);
  });

  it('is classified by its code, not by the status it quotes, when the dependency sent it', () => {
    expect(toDependencyError('inventory', sentByDependency(Code.Internal, 'HTTP 400'), false).failure).toBe('internal');
  });

  it('covers every code there is', () => {
    const codes = Object.values(Code).filter((code) => typeof code === 'number');

    expect(rows.map(({ code }) => Code[code]).sort()).toEqual(codes.sort());
  });

  it.each([
    ...['EPIPE', 'EHOSTUNREACH', 'ERR_HTTP2_STREAM_CANCEL', 'ERR_SSL_WRONG_VERSION_NUMBER'],
    ...[
      'CERT_HAS_EXPIRED',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'INVALID_CA',
      'INVALID_PURPOSE',
    ],
  ])('that broke with %s below the protocol is unreachable, even if the transport calls it internal', (nodeCode) => {
    const thrown = new ConnectError('write', Code.Internal);
    thrown.cause = new Error('outer', { cause: Object.assign(new Error('write'), { code: nodeCode }) });

    expect(toDependencyError('inventory', thrown, false).failure).toBe('unreachable');
  });

  it('that broke in our own code is no broken connection', () => {
    const thrown = new ConnectError('words', Code.Internal);
    thrown.cause = Object.assign(new TypeError('words'), { code: 'ERR_INVALID_ARG_TYPE' });

    expect(toDependencyError('inventory', thrown, false).failure).toBe('unreadable');
  });

  it('whose caller gave up is cancelled, whatever the transport reports', () => {
    for (const { code } of rows) {
      const error = toDependencyError('inventory', sentByDependency(Code[code]), true);
      expect(error.failure).toBe('cancelled');
    }
  });

  it('keeps the error of the transport as its cause, and out of its message', () => {
    const thrown = new ConnectError('connect ECONNREFUSED 10.0.0.7', Code.Unavailable);

    const error = toDependencyError('payment', thrown, false);

    expect(error.message).toBe('payment could not be reached');
    expect(error.cause).toBe(thrown);
  });

  it('that threw something else is never a failure of the dependency', () => {
    expect(toDependencyError('payment', new TypeError('x is undefined'), false).failure).toBe('unreadable');
    expect(toDependencyError('payment', 'a text', false).failure).toBe('unreadable');
  });
});

describe('a connection that breaks while a request is written', () => {
  const internal = (cause: unknown) => new ConnectError('internal', Code.Internal, undefined, undefined, cause);
  const coded = (code: string, cause?: unknown) => Object.assign(new Error(code, { cause }), { code });

  it.each([
    ['ECONNRESET', coded('ECONNRESET')],
    ['EPIPE below another error', new Error('write failed', { cause: coded('EPIPE') })],
    ['ERR_HTTP2_STREAM_ERROR', coded('ERR_HTTP2_STREAM_ERROR')],
  ])('is unreachable, even if the client calls it internal: %s', (_, cause) => {
    expect(toDependencyError('inventory', internal(cause), false).failure).toBe('unreachable');
  });

  it.each([[undefined], [new Error('a mistake')], [coded('ERR_INVALID_ARG_TYPE')], [coded('23505')]])(
    'is not what any other internal error is: %#',
    (cause) => {
      expect(toDependencyError('inventory', internal(cause), false).failure).toBe('unreadable');
    },
  );
});

describe('a call that is reset without an error before its answer begins', () => {
  const message = 'http/2 stream closed with error code NO_ERROR (0x0) before the response was received';

  it('is unreachable, even though the client calls it internal and gives no cause', () => {
    expect(toDependencyError('inventory', new ConnectError(message, Code.Internal), false).failure).toBe('unreachable');
  });

  it.each([`a proxy says: ${message}`, `${message}, says a proxy`])('is not what "%s" tells of', (words) => {
    expect(toDependencyError('inventory', new ConnectError(words, Code.Internal), false).failure).toBe('unreadable');
  });

  it('is an internal error of the dependency, when the dependency sent it', () => {
    expect(toDependencyError('inventory', sentByDependency(Code.Internal, message), false).failure).toBe('internal');
  });
});

describe('a refusal', () => {
  it('carries the reason of its ErrorInfo and the message of the dependency', () => {
    const thrown = new ConnectError('not enough of prod456', Code.FailedPrecondition, undefined, [
      { desc: ErrorInfoSchema, value: { reason: 'INSUFFICIENT_STOCK', domain: 'shop' } },
    ]);

    const error = toDependencyError('inventory', thrown, false);

    expect(error).toMatchObject({ failure: 'refused', reason: 'INSUFFICIENT_STOCK' });
    expect(error.message).toBe('inventory refused: not enough of prod456');
  });

  it('without ErrorInfo has an empty reason', () => {
    expect(toDependencyError('inventory', new ConnectError('no', Code.NotFound), false).reason).toBe('');
  });
});

describe('an answer about a failure behind the dependency', () => {
  const fail = (reason: string, isCancelled = false) => {
    const detail = { desc: ErrorInfoSchema, value: { reason, domain: 'shop' } };
    const thrown = new ConnectError('not now', Code.Unavailable, undefined, [detail]);
    return toDependencyError('payment', thrown, isCancelled, ['PROVIDER_UNAVAILABLE']);
  };

  it('counts as a success of the dependency, which is otherwise classified as ever', () => {
    expect(fail('PROVIDER_UNAVAILABLE')).toMatchObject({
      failure: 'unreachable',
      countsAs: 'success',
      reason: 'PROVIDER_UNAVAILABLE',
    });
    expect(classifyCall(fail('PROVIDER_UNAVAILABLE'))).toBe('success');
  });

  it('is none with another reason, and none when our own caller gave up', () => {
    expect(classifyCall(fail('DATABASE_UNAVAILABLE'))).toBe('failure');
    expect(fail('DATABASE_UNAVAILABLE').reason).toBe('');
    expect(classifyCall(fail('PROVIDER_UNAVAILABLE', true))).toBe('ignored');
  });
});

it('leaves a classified error unchanged', () => {
  const sorted = new DependencyError({ dependency: 'inventory', failure: 'not_called' });

  expect(toDependencyError('inventory', sorted, true)).toBe(sorted);
});
