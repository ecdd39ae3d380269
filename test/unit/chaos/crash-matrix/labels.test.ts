import { describe, expect, it } from 'vitest';
import {
  formatOperation,
  isMatch,
  nameCommit,
  nameStatement,
  type Operation,
  shortName,
} from '../../../chaos/crash-matrix/labels.ts';

describe('nameStatement', () => {
  it.each([
    ['a read', 'select * from orders where order_id = $1', ['o1']],
    ['a lock', 'select event_id from outbox limit $1 for update skip locked', [100]],
    ['the begin of a transaction', 'begin', []],
  ])('gives no name to %s', (_, text, values) => {
    expect(nameStatement(text, values)).toBeUndefined();
  });

  it('names the tables a statement writes, in order and once each', () => {
    const text = `with key as (insert into order_key (a) values ($1) on conflict do nothing returning a),
      created as (insert into orders select a from key), again as (insert into orders select 1)
      update product set reserved = 1 where product_id in (select product_id from product for update)`;
    expect(nameStatement(text, [])).toBe('insert order_key, insert orders, update product');
  });

  it('does not mistake an upsert for an update of a table named set', () => {
    const text = 'insert into inbox (a) values ($1) on conflict (a) do update set a = excluded.a';
    expect(nameStatement(text, ['x'])).toBe('insert inbox');
  });

  it('names the states among the parameters, but neither currencies nor ids', () => {
    const text = 'update orders set status = $1, reason = $2, currency_code = $3 where order_id = $4';
    const values = ['FAILED', 'PAYMENT_FAILED', 'EUR', '3f1c', null, 7];
    expect(nameStatement(text, values)).toBe('update orders (FAILED PAYMENT_FAILED)');
  });

  it('names the events it stores instead of the outbox', () => {
    const text = 'with saved as (update orders set status = $1), sent as (insert into outbox select 1) select 1';
    expect(nameStatement(text, ['CONFIRMED', ['3f1c'], ['shop.order.v1.OrderConfirmed']])).toBe(
      'update orders (CONFIRMED) + OrderConfirmed',
    );
    expect(nameStatement(text, ['PENDING', [], []])).toBe('update orders (PENDING)');
  });
});

describe('nameCommit', () => {
  it('names the writes of the transaction, once each, and nothing for a transaction without writes', () => {
    expect(nameCommit(['insert inbox', 'update orders', 'insert inbox'])).toBe('insert inbox; update orders');
    expect(nameCommit([])).toBeUndefined();
  });
});

describe('shortName', () => {
  it.each([
    ['shop.order.v1.OrderCreated', 'OrderCreated'],
    ['shop.inventory.v1.InventoryService/ReserveStock', 'InventoryService/ReserveStock'],
    ['handle shop.order.v1.OrderCreated', 'handle OrderCreated'],
    ['resume order', 'resume order'],
    ['GET /v1/charges', 'GET /v1/charges'],
  ])('shortens %s to %s', (fullName, expected) => {
    expect(shortName(fullName)).toBe(expected);
  });
});

describe('an operation', () => {
  const operation: Operation = { kind: 'ack', origin: 'handle OrderCreated', name: 'OrderCreated' };

  it('matches a pattern of its kind and name, with its origin or any', () => {
    expect(isMatch(operation, operation)).toBe(true);
    expect(isMatch({ ...operation, origin: undefined }, operation)).toBe(true);
    expect(isMatch({ ...operation, origin: '' }, operation)).toBe(false);
    expect(isMatch({ ...operation, origin: undefined, kind: 'nak' }, operation)).toBe(false);
    for (const name of ['OrderFailed', 'Order', 'OrderCreatedAgain'])
      expect(isMatch({ ...operation, origin: undefined, name }, operation)).toBe(false);
  });

  it('is formatted as one line with its origin', () => {
    expect(formatOperation(operation)).toBe('ack handle OrderCreated: OrderCreated');
    expect(formatOperation({ ...operation, origin: '' })).toBe('ack OrderCreated');
    expect(formatOperation({ ...operation, origin: undefined })).toBe('ack OrderCreated, any origin');
  });
});
