import { expect, it } from 'vitest';
import { type CellResult, judgeCell } from '../../../chaos/fault-matrix/judge.ts';
import { pendingResult as green, refusal } from './results.ts';

it('is satisfied with a typed answer in time whose order ends once the fault is gone', () => {
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
  ['an error with reason and advice while the database is faulted', { response: refusal, cell: database }],
  ['an open breaker', { response: response({ outcome: 'CIRCUIT_OPEN', reason: 'PAYMENT_UNAVAILABLE' }) }],
  ['an answer after 3.0 s sharp', { tookMs: 3_000 }],
  ['an order that failed by an error inventory response', { ...failed('INVENTORY_ERROR'), cell: by500 }],
])('is satisfied with %s', (_, change) => {
  expect(judgeCell({ ...green, ...change })).toEqual([]);
});

it.each<[string, Partial<CellResult>, string]>([
  ['an answer after more than 3.0 s', { tookMs: 3_001 }, 'was answered after 3001 ms'],
  ['a fault that was never done', { hits: 0 }, 'the proxy counted no fault'],
  ['no outcome', { response: response({ outcome: 'UNSPECIFIED' }) }, 'is untyped: its outcome is UNSPECIFIED'],
  ['an unknown outcome', { response: response({ outcome: '17' }) }, 'is untyped: its outcome is 17'],
  ['no reason', { response: response({ reason: 'UNSPECIFIED' }) }, 'is untyped: TIMEOUT without a reason'],
  [
    'a reason for what is well',
    { response: { ...confirmed, reason: 'PAYMENT_TIMEOUT' } },
    'CONFIRMED, with PAYMENT_TIMEOUT',
  ],
  [
    'an outcome that its order contradicts',
    { response: response({ status: 'FAILED' }) },
    'outcome TIMEOUT with an order that is FAILED',
  ],
  [
    'the wrong one blamed',
    { response: response({ reason: 'INVENTORY_UNAVAILABLE' }) },
    'INVENTORY_UNAVAILABLE is not what latency on payment is',
  ],
  ['an order that waits for the broker', { cell: nats }, 'PAYMENT_TIMEOUT is not what latency on nats is'],
  ['a payment that was not declined', failed('PAYMENT_FAILED'), 'PAYMENT_FAILED is not what latency on payment is'],
  [
    'an error that inventory did not tell',
    { ...failed('INVENTORY_ERROR'), cell: inventory },
    'INVENTORY_ERROR is not what latency on inventory is',
  ],
  [
    'an error of inventory that payment response',
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
  ['an order without an end', { end: undefined }, 'the order did not come to its end after the fault was removed'],
  [
    'an end that was response otherwise',
    { response: confirmed, end: { status: 'FAILED', afterMs: 1 } },
    'was response to be CONFIRMED, and ended as FAILED',
  ],
  ['a service that died', { deaths: ['order'] }, 'died of it: order'],
  ['a platform that was not well before', { response: undefined, errors: ['was not well'] }, 'was not well'],
])('finds %s red', (_, change, fault) => {
  expect(judgeCell({ ...green, ...change })).toContain(fault);
});
