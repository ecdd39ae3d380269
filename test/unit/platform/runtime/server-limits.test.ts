import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { parseSettings } from '#services/platform/base/settings.ts';
import { createLimitCounter, serverLimitSettings, serverLimits } from '#services/platform/runtime/server-limits.ts';

it('each limit is taken from the setting of its name', () => {
  const settings = parseSettings(
    {
      ALLOWED_HOSTS: 'order.internal',
      MAX_CONNECTIONS: '1',
      MAX_CONNECTIONS_PER_PEER: '2',
      MAX_STREAMS_PER_CONNECTION: '3',
      MAX_BODY_KIB: '2048',
      BODY_TIMEOUT_MS: '5',
      IDLE_TIMEOUT_MS: '6',
      PING_INTERVAL_MS: '7',
      MAX_STREAM_AGE_MS: '8000',
    },
    serverLimitSettings,
  );

  expect(serverLimits(settings)).toEqual({
    allowedHosts: ['order.internal'],
    maxConnections: 1,
    maxConnectionsPerPeer: 2,
    maxStreamsPerConnection: 3,
    maxRequestBytesInFlight: 2_097_152,
    bodyTimeoutMs: 5,
    idleTimeoutMs: 6,
    pingIntervalMs: 7,
    maxStreamAgeMs: 8_000,
  });
});

it('what a limit rejects is counted by its name', async () => {
  const registry = new Registry();
  const count = createLimitCounter(registry);

  for (const limit of ['body_timeout', 'host', 'host'] as const) count(limit);

  const text = await registry.metrics();
  expect(text).toContain('rpc_server_rejected_total{limit="body_timeout"} 1');
  expect(text).toContain('rpc_server_rejected_total{limit="host"} 2');
});
