// The orders in which events may come to a handler.
import { expect, it } from 'vitest';
import { planDeliveries } from '../../../../packages/kit/events/deliveries.ts';

function ordersOf(events: string, delivery: 'once' | 'redelivered' | 'reordered'): string[] {
  return planDeliveries([...events], delivery).map(({ events: order }) => order.join(''));
}

it('events that come once come in order', () => {
  expect(ordersOf('abc', 'once')).toEqual(['abc']);
});

it('events that are redelivered come twice in a row and all once more at the end', () => {
  expect(ordersOf('ab', 'redelivered')).toEqual(['aabbab']);
  expect(ordersOf('a', 'redelivered')).toEqual(['aaa']);
});

it('events that are reordered come backwards, and each in turn as the last', () => {
  expect(ordersOf('ab', 'reordered')).toEqual(['ba']);
  expect(ordersOf('abc', 'reordered')).toEqual(['cba', 'bca', 'acb']);
});

it('a single event cannot be reordered', () => {
  expect(() => ordersOf('a', 'reordered')).toThrow('a single event cannot be reordered');
});
