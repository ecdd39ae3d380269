import { describe, expect, it } from 'vitest';
import { createLogMemory } from '#local/control/log-memory.ts';

const ORDER = 'b7a4c0de-0000-4000-8000-000000000001';
const line = (msg: string, fields: object = {}) =>
  JSON.stringify({ level: 'info', time: '2026-06-01T12:00:00.500Z', order_id: ORDER, msg, ...fields });

describe('the memory of the log', () => {
  it('finds the lines of an order, of all processes, by their time', () => {
    const logs = createLogMemory();
    logs.add('payment', line('captured', { time: '2026-06-01T12:00:01.000Z' }));
    logs.add('inventory', line('stock reserved'));
    logs.add('order', line('other', { order_id: 'another' }));

    expect(logs.findByOrder(ORDER, 10)).toEqual([
      { process: 'inventory', time: 1_780_315_200_500, level: 'info', message: 'stock reserved', reason: '' },
      { process: 'payment', time: 1_780_315_201_000, level: 'info', message: 'captured', reason: '' },
    ]);
  });

  it('says why: by the reason, else by the message of the error', () => {
    const logs = createLogMemory();
    logs.add('order', line('a', { reason: 'late', err: { message: 'broken' } }));
    logs.add('order', line('b', { err: { message: 'broken' } }));
    logs.add('order', line('c', { err: 'text', reason: 7 }));

    expect(logs.findByOrder(ORDER, 10).map(({ reason }) => reason)).toEqual(['late', 'broken', '']);
  });

  it.each([
    ['text that names the order', `order ${ORDER}`],
    ['JSON that only mentions it', line('x', { order_id: 'another', note: ORDER })],
    ['JSON without a time', line('x', { time: 'soon' })],
    ['JSON that is no object', `["${ORDER}"]`],
    ['a line without an end', line('x'.repeat(9_000))],
  ])('leaves out %s', (_, text) => {
    const logs = createLogMemory();
    logs.add('order', text);

    expect(logs.findByOrder(ORDER, 10)).toEqual([]);
  });

  it('forgets the oldest lines, and returns the latest', () => {
    const logs = createLogMemory(3);
    for (const second of [1, 2, 3, 4]) {
      logs.add('order', line(`line ${second}`, { time: `2026-06-01T12:00:0${second}Z` }));
    }

    expect(logs.findByOrder(ORDER, 10).map(({ message }) => message)).toEqual(['line 2', 'line 3', 'line 4']);
    expect(logs.findByOrder(ORDER, 1).map(({ message }) => message)).toEqual(['line 4']);
  });
});
