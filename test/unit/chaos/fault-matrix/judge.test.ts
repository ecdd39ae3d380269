import { expect, it } from 'vitest';
import { type CellResult, judgeCell } from '../../../chaos/fault-matrix/judge.ts';
import { pendingResult as green, refusal } from './results.ts';

it('accepts a typed answer in time whose order reaches its end state after the fault', () => {
  expect(judgeCell(green)).toEqual([]);
});

const database = { ...green.cell, dependency: 'database' } as const;
const nats = { ...green.cell, dependency: 'nats' } as const;
const inventory = { ...green.cell, dependency: 'inventory' } as const;
const by500 = { ...inventory, fault: 'fail-always-500' } as const;
const failed = (reason: string) => ({
  response: response({ outcome: 'FAILED', reason, status: 'FAILED' }),
  end: ended,
});
const ended = { status: 'FAILED', afterMs: 1 };
const confirmed = { outcome: 'CONFIRMED', reason: 'UNSPECIFIED', status: 'CONFIRMED' };
const response = (change: object): CellResult['response'] =>
  ({ ...green.response, ...change }) as CellResult['response'];

it.each<[string, Partial<CellResult>]>([
  ['an order that is confirmed all the same', { response: confirmed, cell: nats }],
  ['an error with ErrorInfo and RetryInfo while the database is faulted', { response: refusal, cell: database }],
  ['an open breaker', { response: response({ outcome: 'CIRCUIT_OPEN', reason: 'PAYMENT_UNAVAILABLE' }) }],
  ['an answer after exactly 3.0 s', { tookMs: 3_000 }],
  ['an order that failed by an internal error of inventory', { ...failed('INVENTORY_ERROR'), cell: by500 }],
])('accepts %s', (_, change) => {
  expect(judgeCell({ ...green, ...change })).toEqual([]);
});

it.each<[string, Partial<CellResult>, string]>([
  ['an answer after more than 3.0 s', { tookMs: 3_001 }, 'was answered after 3001 ms'],
  ['a fault that never acted', { hits: 0 }, 'the proxy counted no fault'],
  ['no outcome', { response: response({ outcome: 'UNSPECIFIED' }) }, 'is untyped: its outcome is UNSPECIFIED'],
  ['an unknown outcome', { response: response({ outcome: '17' }) }, 'is untyped: its outcome is 17'],
  ['no reason', { response: response({ reason: 'UNSPECIFIED' }) }, 'is untyped: TIMEOUT without a reason'],
  [
    'a reason for a confirmed order',
    { response: { ...confirmed, reason: 'PAYMENT_TIMEOUT' } },
    'CONFIRMED, with PAYMENT_TIMEOUT',
  ],
  [
    'an outcome that its order contradicts',
    { response: response({ status: 'FAILED' }) },
    'outcome TIMEOUT with an order that is FAILED',
  ],
  [
    'the wrong dependency named',
    { response: response({ reason: 'INVENTORY_UNAVAILABLE' }) },
    'INVENTORY_UNAVAILABLE is not what latency on payment is',
  ],
  ['an order that waits for the broker', { cell: nats }, 'PAYMENT_TIMEOUT is not what latency on nats is'],
  ['a payment that was not declined', failed('PAYMENT_FAILED'), 'PAYMENT_FAILED is not what latency on payment is'],
  [
    'an internal error that inventory did not return',
    { ...failed('INVENTORY_ERROR'), cell: inventory },
    'INVENTORY_ERROR is not what latency on inventory is',
  ],
  [
    'an internal error of payment reported as one of inventory',
    { ...failed('INVENTORY_ERROR'), cell: { ...by500, dependency: 'payment' } },
    'INVENTORY_ERROR is not what fail-always-500 on payment is',
  ],
  [
    'an error without ErrorInfo',
    { cell: database, response: { ...refusal, reason: undefined } },
    'is untyped: Unavailable without ErrorInfo (away)',
  ],
  [
    'an error without RetryInfo',
    { cell: database, response: { ...refusal, retryAfterMs: undefined } },
    'is untyped: Unavailable without RetryInfo',
  ],
  ['an error where an order could wait', { response: refusal }, 'Unavailable AWAY instead of an order that waits'],
  [
    'an order without an end state',
    { end: undefined },
    'the order did not reach its end state after the fault was removed',
  ],
  [
    'an end state that contradicts the answer',
    { response: confirmed, end: { status: 'FAILED', afterMs: 1 } },
    'was answered as CONFIRMED, but ended as FAILED',
  ],
  [
    'a failed order that was confirmed in the end',
    { ...failed('INVENTORY_ERROR'), cell: by500, end: { status: 'CONFIRMED', afterMs: 1 } },
    'was answered as FAILED, but ended as CONFIRMED',
  ],
  ['a service that died', { deaths: ['order'] }, 'died: order'],
  ['a platform that was not healthy before', { response: undefined, errors: ['was not healthy'] }, 'was not healthy'],
])('finds %s red', (_, change, fault) => {
  expect(judgeCell({ ...green, ...change })).toContain(fault);
});
