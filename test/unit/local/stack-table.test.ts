import { expect, it } from 'vitest';
import { renderCommands, renderConsole, renderTable } from '#local/stack/stack-table.ts';

it('lists every process with address, pid and health in aligned columns', () => {
  const table = renderTable([
    { name: 'postgres', address: 'db.example:5432', pid: undefined, health: 'external', restarts: 0 },
    { name: 'order', address: 'http://127.0.0.1:50051', pid: 4711, health: 'healthy', restarts: 0 },
  ]);

  expect(table.split('\n')).toEqual([
    '  process   address                 pid   health',
    '  --------  ----------------------  ----  --------',
    '  postgres  db.example:5432         -     external',
    '  order     http://127.0.0.1:50051  4711  healthy',
  ]);
});

it.each([
  ['http://127.0.0.1:8080', 'Console: http://localhost:8080'],
  ['https://10.0.0.7:8080', 'Console: https://10.0.0.7:8080'],
])('names the page of %s first', (url, line) => {
  expect(renderConsole(url)).toBe(line);
});

it('prints three commands, each with its own idempotency key', () => {
  let keys = 0;
  const commands = renderCommands('http://127.0.0.1:50051', () => `key-${++keys}`);
  const order = (key: string) =>
    `'{"idempotency_key":"${key}","customer_id":"cust123","items":[{"product_id":"12345","quantity":1}],"payment_method":"pm_approved"}'`;

  expect(commands).toContain(
    `grpcurl -plaintext -d ${order('key-1')} localhost:50051 shop.order.v1.OrderService/CreateOrder`,
  );
  expect(commands).toContain(
    `curl -H 'content-type: application/json' -d ${order('key-2')} http://localhost:50051/shop.order.v1.OrderService/CreateOrder`,
  );
  expect(commands).toMatch(/^ {2}make order$/m);
});

it('prints how an operator shows a token', () => {
  expect(renderCommands('http://127.0.0.1:50051', () => 'key')).toContain(
    'grpcurl -plaintext -H "authorization: Bearer $(make -s token ROLE=operator)" localhost:50051 shop.ops.v1.OpsService/GetStatus',
  );
});

it('puts the address of the order service into the commands', () => {
  const commands = renderCommands('http://10.0.0.7:6000', () => 'key');

  expect(commands).toContain(' 10.0.0.7:6000 shop.order.v1');
  expect(commands).toMatch(/^ {2}ORDER_URL=http:\/\/10\.0\.0\.7:6000 make order$/m);
});
