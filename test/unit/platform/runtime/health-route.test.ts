import { expect, it, vi } from 'vitest';
import { HealthRegistry, ServingStatus } from '#packages/rpc-server/index.ts';
import { createHealthRoute } from '#services/platform/runtime/health-route.ts';

it.each([
  ['SERVING', 200, (health: HealthRegistry) => health.set('', ServingStatus.SERVING)],
  ['NOT_SERVING', 503, (health: HealthRegistry) => health.set('', ServingStatus.NOT_SERVING)],
  // The broker has a name of its own: without it, orders are accepted.
  ['SERVING', 200, (health: HealthRegistry) => health.set('broker', ServingStatus.NOT_SERVING)],
  ['NOT_SERVING', 503, (health: HealthRegistry) => health.shutDown()],
])('a probe by HTTP is told %s with %d, as grpc.health.v1.Health says', (text, status, change) => {
  const health = new HealthRegistry();
  const response = { writeHead: vi.fn(), end: vi.fn() };
  change(health);

  createHealthRoute(health)({} as never, response as never);

  expect(response.writeHead).toHaveBeenCalledWith(status, expect.anything());
  expect(response.end).toHaveBeenCalledWith(`${text}\n`);
});
