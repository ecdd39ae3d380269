import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { startEchoServer } from '../../support/echo/start-echo-server.ts';

function createHealthClient(baseUrl: string) {
  return createClient(HealthService, createGrpcTransport({ baseUrl }));
}

describe('health Check', () => {
  it('answers for the server, for each of its services, and not_found for others', async () => {
    await using echo = await startEchoServer();
    const client = createHealthClient(echo.address.url);

    expect((await client.check({})).status).toBe(ServingStatus.SERVING);
    expect((await client.check({ service: 'echo.v1.EchoService' })).status).toBe(ServingStatus.SERVING);
    await expect(client.check({ service: 'shop.Unknown' })).rejects.toMatchObject({ code: Code.NotFound });
  });
});

describe('health Watch', () => {
  it('sends the status at once and every change after that', async () => {
    await using echo = await startEchoServer();
    const watch = createHealthClient(echo.address.url).watch({})[Symbol.asyncIterator]();

    expect((await watch.next()).value?.status).toBe(ServingStatus.SERVING);
    echo.server.health.set('', ServingStatus.NOT_SERVING);
    expect((await watch.next()).value?.status).toBe(ServingStatus.NOT_SERVING);
    await watch.return?.();
  });

  it('sends SERVICE_UNKNOWN for an unknown service and its status once it is known', async () => {
    await using echo = await startEchoServer();
    const watch = createHealthClient(echo.address.url).watch({ service: 'later' })[Symbol.asyncIterator]();

    expect((await watch.next()).value?.status).toBe(ServingStatus.SERVICE_UNKNOWN);
    echo.server.health.set('later', ServingStatus.SERVING);
    expect((await watch.next()).value?.status).toBe(ServingStatus.SERVING);
    await watch.return?.();
  });

  it('ends with deadline_exceeded when its caller has set a deadline', async () => {
    await using echo = await startEchoServer();

    const response = await fetch(`${echo.address.url}/grpc.health.v1.Health/Watch`, {
      method: 'POST',
      headers: { 'content-type': 'application/connect+json', 'connect-timeout-ms': '50' },
      body: Uint8Array.from([0, 0, 0, 0, 2, 0x7b, 0x7d]),
    });

    expect(await response.text()).toMatch(/"SERVING".*"deadline_exceeded"/s);
  });
});
