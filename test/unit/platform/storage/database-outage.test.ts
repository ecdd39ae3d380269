import { describe, expect, it } from 'vitest';
import { notFound, unavailable } from '#services/platform/base/errors.ts';
import { isDatabaseOutage } from '#services/platform/storage/database.ts';

const withCode = (code: string) => Object.assign(new Error('from the server'), { code });

describe('an outage', () => {
  it.each([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
  ])('is a network that fails with %s', (code) => {
    expect(isDatabaseOutage(withCode(code))).toBe(true);
  });

  it.each([
    ['08006', 'a connection failure'],
    ['53300', 'too many connections'],
    ['57P01', 'a shutdown by its administrator'],
    ['57P03', 'a server that is still starting'],
    ['57014', 'our own limit of a statement'],
    ['40001', 'a serialization failure'],
    ['40P01', 'a deadlock'],
    ['25006', 'a server that became a read-only standby'],
  ])('is %s, %s', (code) => {
    expect(isDatabaseOutage(withCode(code))).toBe(true);
  });

  it.each([
    'Query read timeout',
    'timeout exceeded when trying to connect',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Client has encountered a connection error and is not queryable',
    'Cannot use a pool after calling end on the pool',
  ])('is what the client says without a code: %s', (message) => {
    expect(isDatabaseOutage(new Error(message))).toBe(true);
  });

  it('is an error that was already mapped to one', () => {
    expect(
      isDatabaseOutage(unavailable({ reason: 'DATABASE_UNAVAILABLE', message: 'away', retryAfterMs: 1_000 })),
    ).toBe(true);
  });
});

describe('no outage', () => {
  it.each([
    ['23505', 'a unique violation'],
    ['42P01', 'a table that is not there'],
    ['42601', 'a syntax error'],
    ['22P02', 'a text that is no number'],
    ['28P01', 'a wrong password'],
    ['3D000', 'a database that is not there'],
  ])('is %s, %s', (code) => {
    expect(isDatabaseOutage(withCode(code))).toBe(false);
  });

  it.each([
    [notFound('ORDER_NOT_FOUND', 'timeout')],
    [unavailable({ reason: 'CATALOGUE_UNKNOWN', message: 'not yet', retryAfterMs: 1_000 })],
    [new TypeError('x is undefined')],
    ['a text with timeout'],
    [undefined],
  ])('is something else: %#', (thrown) => {
    expect(isDatabaseOutage(thrown)).toBe(false);
  });
});
