import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { CircuitOpenError } from '#services/platform/client/breaker.ts';
import { classifyBackgroundCall, classifyCall } from '#services/platform/client/call-policy.ts';
import { type CallFailure, DependencyError } from '#services/platform/client/dependency-error.ts';
import { createDependency, isIdempotent } from '#services/platform/client/rpc-client.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { policyOf } from '../../../support/services/dependency-policy.ts';
import { recordLog } from '../support/recorded-log.ts';

const verdicts: Record<CallFailure, string> = {
  timeout: 'failure',
  unreachable: 'failure',
  internal: 'failure',
  unreadable: 'failure',
  not_understood: 'success',
  circuit_open: 'ignored',
  overloaded: 'ignored',
  not_called: 'ignored',
  refused: 'success',
  cancelled: 'ignored',
};
const rows = Object.entries(verdicts) as [CallFailure, string][];

/** A dependency at an address that a unit test cannot reach, so a call that is made fails the test. */
function createUnreachable(minimumMs: number) {
  const metrics = createMetrics('order');
  const dependency = createDependency({
    url: 'http://127.0.0.1:1',
    policy: policyOf({ minimumMs, breakerFailures: 1 }),
    metrics,
    log: recordLog().log,
  });
  return { dependency, metrics, client: dependency.client(InventoryService) };
}

const called = { name: 'DependencyError', failure: 'not_called' };

describe('the outcome of a call for the breaker', () => {
  it.each(rows)('from a call that ended as %s is: %s', (failure, outcome) => {
    expect(classifyCall(new DependencyError({ dependency: 'inventory', failure }))).toBe(outcome);
  });

  it.each(rows)('from a background call that ended as %s is nothing bad', (failure, outcome) => {
    const backgroundOutcome = classifyBackgroundCall(new DependencyError({ dependency: 'inventory', failure }));

    expect(backgroundOutcome).toBe(outcome === 'success' ? 'success' : 'ignored');
  });

  it('of an error that is not classified is a failure', () => {
    expect(classifyCall(new Error('?'))).toBe('failure');
    expect(classifyCall(new ConnectError('?', Code.NotFound))).toBe('failure');
    expect(classifyCall(new CircuitOpenError('?'))).toBe('failure');
  });
});

describe('a call with too little time left', () => {
  it.each([
    [100, 99],
    [100, 99.9],
    [100, 0],
    [100, -5],
    [0, 0],
    [0, 0.4],
    [0, -1],
  ])('of at least %d ms is not made with %d ms, and not counted', async (minimumMs, timeoutMs) => {
    const { dependency, client } = createUnreachable(minimumMs);

    await expect(client.checkAvailability({ productId: '12345' }, { timeoutMs })).rejects.toMatchObject(called);

    expect(dependency.breaker().state).toBe('closed');
  });

  it('shows in the metrics as not called', async () => {
    const { client, metrics } = createUnreachable(100);

    await expect(client.checkAvailability({ productId: '12345' }, { timeoutMs: 5 })).rejects.toThrow();

    const { values } = await metrics.rpcClientDuration.get();
    const count = values.find(({ metricName }) => metricName === 'rpc_client_call_duration_seconds_count');
    expect(count).toMatchObject({
      value: 1,
      labels: {
        dependency: 'inventory',
        rpc_method: 'shop.inventory.v1.InventoryService/CheckAvailability',
        error_type: 'not_called',
      },
    });
  });
});

it('shows a closed breaker in the metrics before its first call', async () => {
  const { metrics } = createUnreachable(100);

  expect(await metrics.registry.metrics()).toContain('circuit_breaker_state{dependency="inventory",service="order"} 0');
});

describe('the contract declares what is idempotent', () => {
  it.each([
    ['a read', InventoryService.method.checkAvailability, true],
    ['a write with a key', InventoryService.method.reserveStock, true],
    ['what says nothing', { idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN }, false],
  ])('%s: %s', (_, method, idempotent) => {
    expect(isIdempotent(method)).toBe(idempotent);
  });
});
