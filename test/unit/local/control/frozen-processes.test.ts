// Which processes of the stack are replicas of a service.
import { expect, it } from 'vitest';
import { replicasOf } from '#local/control/frozen-processes.ts';

it('counts the replicas of a service by its whole name', () => {
  const rows = ['order', 'order-2', 'order-10', 'order-archive', 'orders', 'inventory'].map((name) => ({ name }));

  const replicas = replicasOf({ rows: () => rows as never }, 'order');

  expect(replicas.map(({ name }) => name)).toEqual(['order', 'order-2', 'order-10']);
});
