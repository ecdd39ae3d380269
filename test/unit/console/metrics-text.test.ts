import { describe, expect, it } from 'vitest';
import { parseMetrics, sumOf } from '#services/console/metrics-text.ts';
import { summariseMetrics } from '#services/console/service-overview.ts';

describe('parseMetrics', () => {
  const parse = (text: string) => parseMetrics(text, new Set(['up', 'calls_total']));

  it.each([
    ['a sample without labels', 'up 1', { name: 'up', labels: {}, value: 1 }],
    ['labels', 'calls_total{a="x",b="y"} 2.5', { name: 'calls_total', labels: { a: 'x', b: 'y' }, value: 2.5 }],
    ['a time', 'up 1 1795801468954', { name: 'up', labels: {}, value: 1 }],
    ['a brace and a comma in a label', 'up{a="},{"} 1', { name: 'up', labels: { a: '},{' }, value: 1 }],
    ['escaped characters', String.raw`up{a="\"\\\n"} 1`, { name: 'up', labels: { a: '"\\\n' }, value: 1 }],
  ])('reads %s', (_, text, sample) => {
    expect(parse(text)).toEqual([sample]);
  });

  it('leaves out comments, other metrics and lines that are none', () => {
    expect(parse('# HELP up help\n# TYPE up gauge\n\nother 1\nup\n{}\n<html>')).toEqual([]);
  });

  it('adds up the samples that match', () => {
    const samples = parse('calls_total{a="x"} 1\ncalls_total{a="y"} 2\ncalls_total{a="x",b="z"} 4\nup 8');

    expect(sumOf(samples, 'calls_total')).toBe(7);
    expect(sumOf(samples, 'calls_total', ({ a }) => a === 'x')).toBe(5);
  });
});

describe('summariseMetrics', () => {
  it('counts calls, faults and time of the shop, not of operators', () => {
    const served = (method: string, code: string, count: number) =>
      `rpc_server_call_duration_seconds_count{rpc_method="${method}",rpc_status_code="${code}"} ${count}`;

    const { served: totals } = summariseMetrics(
      [
        served('shop.order.v1.OrderService/CreateOrder', 'ok', 10),
        served('shop.order.v1.OrderService/GetOrder', 'not_found', 3),
        served('shop.order.v1.OrderService/GetOrder', 'unavailable', 2),
        served('shop.ops.v1.OpsService/GetStatus', 'internal', 100),
        'rpc_server_call_duration_seconds_sum{rpc_method="shop.order.v1.OrderService/CreateOrder"} 0.5',
      ].join('\n'),
    );

    expect(totals).toEqual({ calls: 15, failed: 2, seconds: 0.5 });
  });

  it.each([
    [0, 'closed'],
    [1, 'half_open'],
    [2, 'open'],
    [7, 'closed'],
  ])('reads the breaker state %i as %s, with the calls of its edge', (value, breaker) => {
    const text = [
      `circuit_breaker_state{dependency="payment"} ${value}`,
      'rpc_client_call_duration_seconds_count{dependency="payment"} 4',
      'rpc_client_call_duration_seconds_count{dependency="payment",error_type="timeout"} 1',
      'rpc_client_call_duration_seconds_count{dependency="inventory"} 9',
    ].join('\n');

    expect(summariseMetrics(text).edges).toEqual([{ dependency: 'payment', breaker, calls: 5, failed: 1, seconds: 0 }]);
  });

  it('is all zeros for a service that has done nothing', () => {
    expect(summariseMetrics('')).toEqual({
      served: { calls: 0, failed: 0, seconds: 0 },
      edges: [],
      published: 0,
      handled: 0,
      outbox: 0,
      pending: 0,
      brokerConnected: false,
      memoryBytes: 0,
    });
  });
});
