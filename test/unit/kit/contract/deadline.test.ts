// A call's deadline is read from the headers of every protocol.
import { expect, it } from 'vitest';
import { matchDeadline, readDeadlineMs } from '../../../../packages/kit/contract/deadline.ts';

it.each([
  { header: { 'connect-timeout-ms': '2500' }, deadlineMs: 2500 },
  { header: { 'grpc-timeout': '2500m' }, deadlineMs: 2500 },
  { header: { 'grpc-timeout': '2S' }, deadlineMs: 2000 },
  { header: { 'grpc-timeout': '3M' }, deadlineMs: 180_000 },
  { header: { 'grpc-timeout': '1H' }, deadlineMs: 3_600_000 },
  { header: { 'grpc-timeout': '1500u' }, deadlineMs: 1.5 },
  { header: { 'grpc-timeout': 'soon' }, deadlineMs: undefined },
  { header: { 'connect-timeout-ms': '-1' }, deadlineMs: undefined },
  { header: {}, deadlineMs: undefined },
])('$header is $deadlineMs ms', ({ header, deadlineMs }) => {
  expect(readDeadlineMs(new Headers(header as Record<string, string>))).toBe(deadlineMs);
});

it('a deadline is at most what is declared, where that is declared', () => {
  const header = new Headers({ 'connect-timeout-ms': '500' });

  expect(matchDeadline(undefined, new Headers())).toEqual([]);
  expect(matchDeadline({ atMostMs: undefined }, header)).toEqual([]);
  expect(matchDeadline({ atMostMs: 500 }, header)).toEqual([]);
  expect(matchDeadline({ atMostMs: 499 }, header)).toEqual([
    { path: 'deadline', expected: 'at most 499 ms', actual: '500 ms' },
  ]);
  expect(matchDeadline({ atMostMs: undefined }, new Headers())).toEqual([
    { path: 'deadline', expected: 'any deadline', actual: 'nothing' },
  ]);
});
