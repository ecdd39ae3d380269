import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { text } from 'node:stream/consumers';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { HealthService, ServingStatus } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import {
  createEchoClient,
  dialects,
  openSocket,
  postJson,
  startEchoServer,
} from '../../support/echo/start-echo-server.ts';

const say = 'echo.v1.EchoService/Say';

/** A unary implementation that waits for `release`, and reports when it was entered. */
function createGate() {
  const entered = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const implementation = {
    async say({ value }: { value: string }) {
      entered.resolve();
      await released.promise;
      return { value };
    },
  };
  return { entered: entered.promise, release: () => released.resolve(), implementation };
}

describe('a stop', () => {
  it.each(dialects)('lets a running call finish in $dialect, and accepts no other', async (dialect) => {
    const gate = createGate();
    await using echo = await startEchoServer({}, gate.implementation);
    const running = createEchoClient(dialect, echo.address.url).say({ value: 'finished' });
    await gate.entered;

    const stopped = echo.server.stop();
    await expect(postJson(echo.address.url, say, '"x"')).rejects.toThrow();
    gate.release();

    expect((await running).value).toBe('finished');
    await stopped;
  });

  it.each(dialects)('answers unavailable to what outlives its grace, in $dialect', async (dialect) => {
    const gate = createGate();
    await using echo = await startEchoServer({}, gate.implementation);
    const running = createEchoClient(dialect, echo.address.url).say({ value: 'x' });
    const outcome = running.catch((error: unknown) => Code[ConnectError.from(error).code]);
    await gate.entered;

    await echo.server.stop({ graceMs: 20 });

    expect(await outcome).toBe('Unavailable');
    gate.release();
  });

  it('aborts the signal of a unary call only when its grace is over, and shutdownSignal at once', async () => {
    const seen: string[] = [];
    const entered = Promise.withResolvers<AbortSignal>();
    await using echo = await startEchoServer(
      {},
      {
        async say(_, context) {
          entered.resolve(context.signal);
          echo.server.shutdownSignal.addEventListener('abort', () => {
            seen.push(context.signal.aborted ? 'too early' : 'running');
          });
          await once(context.signal, 'abort');
          seen.push('aborted');
          throw context.signal.reason;
        },
      },
    );
    const running = postJson(echo.address.url, say, '"x"');
    await entered.promise;

    await echo.server.stop({ graceMs: 20 });

    expect(seen).toEqual(['running', 'aborted']);
    expect(await (await running).json()).toMatchObject({ code: 'unavailable' });
  });

  it('sends NOT_SERVING to watchers of health and ends their streams with unavailable', async () => {
    await using echo = await startEchoServer();
    const transport = createGrpcTransport({ baseUrl: echo.address.url });
    const seen: ServingStatus[] = [];
    const first = Promise.withResolvers<void>();
    const watching = (async () => {
      for await (const { status } of createClient(HealthService, transport).watch({})) {
        seen.push(status);
        first.resolve();
      }
    })().catch((error: unknown) => Code[ConnectError.from(error).code]);
    await first.promise;

    await echo.server.stop();

    expect(await watching).toBe('Unavailable');
    expect(seen).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  });

  it('ends a stream whose implementation does not listen to its signal', async () => {
    const never = Promise.withResolvers<void>();
    await using echo = await startEchoServer(
      {},
      {
        async *count() {
          yield { value: '1' };
          await never.promise;
        },
      },
    );
    const counting = createEchoClient(dialects[4], echo.address.url).count({ value: '' })[Symbol.asyncIterator]();
    expect((await counting.next()).value?.value).toBe('1');
    const outcome = counting.next().catch((error: unknown) => Code[ConnectError.from(error).code]);

    await echo.server.stop();

    expect(await outcome).toBe('Unavailable');
    never.resolve();
  });

  it('sends GOAWAY to HTTP/2 callers while their calls run on', async () => {
    const gate = createGate();
    await using echo = await startEchoServer({}, gate.implementation);
    const session = connectHttp2(echo.address.url);
    const call = session.request({ ':method': 'POST', ':path': `/${say}`, 'content-type': 'application/json' });
    call.end('"finished"');
    await gate.entered;

    const goaway = once(session, 'goaway');
    const stopped = echo.server.stop();
    await goaway;
    gate.release();

    expect(await text(call)).toBe('"finished"');
    await stopped;
  });

  it('closes connections that carry no call while others run on', async () => {
    const gate = createGate();
    await using echo = await startEchoServer({}, gate.implementation);
    const running = postJson(echo.address.url, say, '"x"');
    await gate.entered;
    const silent = await openSocket(echo.address.port);
    const idle = await openSocket(echo.address.port);
    idle.write('GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(idle, 'readable');

    const stopped = echo.server.stop();
    await Promise.all([text(silent), text(idle)]);
    gate.release();

    expect((await running).status).toBe(200);
    await stopped;
  });

  it('does not wait out its grace for a peer that keeps its side of an idle connection open', async () => {
    await using echo = await startEchoServer();
    const peer = await openSocket(echo.address.port);
    const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    peer.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), emptySettings]));
    await once(peer, 'readable');

    const outcome = await Promise.race([
      echo.server.stop({ graceMs: 60_000 }).then(() => 'stopped'),
      once(AbortSignal.timeout(10_000), 'abort').then(() => 'still waiting'),
    ]);

    expect(outcome).toBe('stopped');
    peer.destroy();
  });

  it('is one stop however often it is called', async () => {
    await using echo = await startEchoServer();

    await Promise.all([echo.server.stop(), echo.server.stop(), echo.server.stop()]);

    await expect(postJson(echo.address.url, say, '"x"')).rejects.toThrow();
  });
});
