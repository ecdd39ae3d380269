// TLS of everything the kit starts and calls, in every protocol and HTTP version: with the certificates of an authority of its own.
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  type ClientTls,
  createControlClient,
  latency,
  ProviderUnreachableError,
  reset,
  type ServerTls,
  startControl,
  startFaultControl,
  startFaultProxy,
  startRecorder,
  startReplay,
  startStubServer,
  startVirtualService,
  verifyProvider,
} from '@touchstone/kit';
import { describe, expect, it, vi } from 'vitest';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { Sky, WeatherService } from '../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { wires } from '../../../packages/kit/verification/wire.ts';
import { PATIENCE } from '../../support/patience.ts';
import { errorOf } from './contract-files.ts';

const contracts = fileURLToPath(new URL('../../../packages/kit/examples/weather/contracts', import.meta.url));
const states = ['Oslo expects sun'];
const services = [WeatherService];
const { getForecast } = WeatherService.method;
const QUESTION = { town: 'Oslo', daysAhead: 1 };

const AUTHORITY = createAuthority('tests');
const tls = issueCertificate(AUTHORITY, { name: 'weather', hosts: ['127.0.0.1', 'localhost'] });
const clientPair = issueCertificate(AUTHORITY, { name: 'gardener' });
const trusting: ClientTls = { ca: AUTHORITY.cert };

type Server = AsyncDisposable & { readonly url: string };

/** A server in front of a stub server with TLS, which stops with it. */
async function inFront(start: (upstream: string) => Promise<Server>): Promise<Server> {
  const resources = new AsyncDisposableStack();
  const upstream = resources.use(await startStub({ tls }));
  const { url } = resources.use(await start(upstream.url));
  return { url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

function startStub(options: ServerTls): Promise<Server> {
  return startStubServer(contracts, { services, states, ...options });
}

const STARTS: Readonly<Record<string, (options: ServerTls) => Promise<Server>>> = {
  'a stub server': startStub,
  'a virtual service': (options) =>
    startVirtualService({ services, contract: contracts, contractStates: states, ...options }),
  'a recorder in front of a service with TLS': (options) =>
    inFront((upstream) => startRecorder({ services, upstream, upstreamTls: trusting, ...options })),
  'a virtual service in front of a service with TLS': (options) =>
    inFront((upstream) => startVirtualService({ services, upstream, upstreamTls: trusting, ...options })),
  async 'a replay'(options) {
    await using stub = await startStub({});
    await using recorder = await startRecorder({ services, upstream: stub.url });
    await createClient(WeatherService, createGrpcTransport({ baseUrl: recorder.url })).getForecast(QUESTION);
    return await startReplay(recorder.recording(), { services, ...options });
  },
  'a fault proxy in front of a service with TLS': (options) =>
    inFront((upstream) => startFaultProxy({ upstream, upstreamTls: trusting, ...options })),
};

/** Calls in every protocol and HTTP version, and returns the answers. */
async function askInEveryWay(url: string): Promise<Sky[]> {
  const skies: Sky[] = [];
  for (const wire of wires) {
    using opened = wire.open(url, { tls: trusting });
    const { sky } = await createClient(WeatherService, opened.transport).getForecast(QUESTION);
    skies.push(sky);
  }
  return skies;
}

describe.each(Object.entries(STARTS))('%s', (_, start) => {
  it('is called in every protocol and HTTP version, over TLS if it has a certificate, else in plaintext', async () => {
    await using secure = await start({ tls });
    await using plain = await start({});

    expect([secure.url, plain.url].map((url) => new URL(url).protocol)).toEqual(['https:', 'http:']);
    expect(await askInEveryWay(secure.url)).toEqual(wires.map(() => Sky.CLEAR));
    expect(await askInEveryWay(plain.url)).toEqual(wires.map(() => Sky.CLEAR));
  });

  it('says once when a caller speaks plaintext to its TLS, or TLS to its plaintext', async () => {
    const onSecure = vi.fn<(problem: string) => void>();
    const onPlain = vi.fn<(problem: string) => void>();
    await using secure = await start({ tls, onProblem: onSecure });
    await using plain = await start({ onProblem: onPlain });

    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']) {
      const socket = connectTcp(Number(new URL(secure.url).port), '127.0.0.1').on('error', () => undefined);
      socket.write(bytes);
      await once(socket, 'close');
    }
    const caller = connectTls(Number(new URL(plain.url).port), '127.0.0.1');
    await expect(once(caller, 'secureConnect')).rejects.toThrow();

    await expect.poll(() => [onSecure, onPlain].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
    expect(onSecure).toHaveBeenCalledWith(expect.stringMatching(/spoke plaintext .* https:\/\//));
    expect(onPlain).toHaveBeenCalledWith(expect.stringMatching(/spoke TLS .* http:\/\//));
  });
});

describe('a control port', () => {
  it('speaks TLS if it has a certificate, to clients that trust it', async () => {
    await using office = await startVirtualService({ services });
    await using proxy = await startFaultProxy({ upstream: office.url });
    const onProblem = vi.fn<(problem: string) => void>();
    await using control = await startControl({ service: office, tls, onProblem });
    await using faults = await startFaultControl({ proxies: { office: proxy }, tls, onProblem });
    const client = await createControlClient(control.url, { tls: trusting });
    const ofFaults = await createControlClient(faults.url, { tls: trusting });

    await client.addStubs({ rpc: getForecast, replies: { sky: 'SKY_WET' } });
    const fault = await ofFaults.inject('latency:delayMs=1,rpc=*');

    expect([control.url, faults.url].map((url) => new URL(url).protocol)).toEqual(['https:', 'https:']);
    expect([office.stubs().length, proxy.faults().map(({ id }) => id)]).toEqual([1, [fault.id]]);
    for (const { url } of [control, faults]) {
      const stranger = await createControlClient(url);
      await expect(stranger.heal()).rejects.toThrow(/certificate/);
      const plain = await createControlClient(url.replace('https:', 'http:'));
      await expect(plain.heal()).rejects.toThrow();
    }
    await vi.waitFor(() => expect(onProblem).toHaveBeenCalledTimes(2), PATIENCE);
    await expect(startControl({ service: office, tls: { cert: 'x', key: 'y' } })).rejects.toThrow(/^tls\.cert/);
    await expect(createControlClient(control.url, { tls: { ca: 'x' } })).rejects.toThrow(/^tls\.ca/);
  });
});

describe('faults over TLS', () => {
  const callOf = (url: string) =>
    createClient(WeatherService, createGrpcTransport({ baseUrl: url, nodeOptions: { ca: AUTHORITY.cert } }));

  it('affect single calls, and connections', async () => {
    await using upstream = await startStub({ tls });
    await using proxy = await startFaultProxy({ upstream: upstream.url, tls, upstreamTls: trusting });
    const slow = proxy.inject(latency({ delayMs: 1 }), { rpc: 'weather.v1.WeatherService/GetForecast' });

    const forecast = await callOf(proxy.url).getForecast(QUESTION);
    const broken = proxy.inject(reset({ breaks: 'connection' }), { rpc: '*' });
    const error = await errorOf(callOf(proxy.url).getForecast(QUESTION));

    expect([forecast.sky, slow.hits >= 1, broken.hits]).toEqual([Sky.CLEAR, true, 1]);
    expect(ConnectError.from(error).code).toBe(Code.Aborted);
  });

  it('of a virtual service affect one answer, and the next is served', async () => {
    await using office = await startVirtualService({ services, tls });
    office.stub(getForecast).resets({ http2Code: 8 }).thenReplies({ sky: Sky.WET });
    const client = callOf(office.url);

    const error = await errorOf(client.getForecast(QUESTION));

    expect(ConnectError.from(error).code).toBe(Code.Canceled);
    expect((await client.getForecast(QUESTION)).sky).toBe(Sky.WET);
  });

  it('end with clients that have not sent anything yet', async () => {
    await using upstream = await startStub({ tls });
    const proxy = await startFaultProxy({ upstream: upstream.url, upstreamTls: trusting });
    const silent = connectTcp(proxy.port, proxy.host).resume();
    await once(silent, 'connect');
    // Its connection is accepted by the time that a later one is.
    await callOf(proxy.url).getForecast(QUESTION);

    const stopped = proxy.stop();

    await vi.waitFor(() => expect(silent.destroyed).toBe(true), PATIENCE);
    await stopped;
  });

  it('affect calls of plaintext clients, if only the service speaks TLS', async () => {
    await using upstream = await startStub({ tls });
    await using proxy = await startFaultProxy({ upstream: upstream.url, upstreamTls: trusting });
    const slow = proxy.inject(latency({ delayMs: 1 }), { rpc: '*' });

    expect(await askInEveryWay(proxy.url)).toEqual(wires.map(() => Sky.CLEAR));
    expect([proxy.url.startsWith('http:'), slow.hits]).toEqual([true, wires.length]);
  });
});

/** Starts a service that only speaks with clients that show a certificate of the authority. */
async function startMutual(): Promise<Server> {
  const options = { ...tls, ca: AUTHORITY.cert, requestCert: true, rejectUnauthorized: true, allowHTTP1: true };
  const server = createSecureServer(options, (_, response) => response.end());
  server.on('sessionError', () => undefined).on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a service that the kit calls', () => {
  const CALLS: Readonly<Record<string, (url: string, over: ClientTls | undefined) => Promise<unknown>>> = {
    verifyProvider: (url, over) =>
      verifyProvider({
        ...{ contracts, url, services, wires: ['Connect JSON, HTTP/2'], ...(over && { tls: over }) },
        states: Object.fromEntries(
          [...states, 'no measurements in Oslo', 'a cold night in Oslo'].map((name) => [name, () => undefined]),
        ),
      }),
    startRecorder: async (upstream, upstreamTls) => {
      await using _ = await startRecorder({ services, upstream, ...(upstreamTls && { upstreamTls }) });
    },
    startVirtualService: async (upstream, upstreamTls) => {
      await using _ = await startVirtualService({ services, upstream, ...(upstreamTls && { upstreamTls }) });
    },
    startFaultProxy: async (upstream, upstreamTls = {}) => {
      await using _ = await startFaultProxy({ upstream, upstreamTls, tls });
    },
  };
  const expired = issueCertificate(AUTHORITY, {
    ...{ name: 'weather', hosts: ['127.0.0.1'], days: 1, from: new Date('2020-01-01') },
  });
  const misnamed = issueCertificate(AUTHORITY, { name: 'weather', hosts: ['weather.example'] });
  const secure = (pair: { cert: string; key: string }) => () => startLenient(pair);
  /** Serves a certificate that the kit's own servers refuse. */
  async function startLenient(pair: { cert: string; key: string }): Promise<Server> {
    const server = createSecureServer({ ...pair, allowHTTP1: true }, (_, response) => response.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async [Symbol.asyncDispose]() {
        server.close();
        await once(server, 'close');
      },
    };
  }

  it.each(
    Object.keys(CALLS).flatMap((call) => [
      {
        call,
        with: 'a certificate of an unknown authority',
        start: secure(tls),
        over: undefined,
        reason: /certificate.*option "ca"/,
      },
      {
        call,
        with: 'an expired certificate',
        start: secure(expired),
        over: trusting,
        reason: /certificate: certificate has expired$/,
      },
      {
        call,
        with: 'a certificate for another name',
        start: secure(misnamed),
        over: trusting,
        reason: /because its certificate is for DNS:weather\.example$/,
      },
      {
        call,
        with: 'no TLS',
        start: () => startStub({}).then(withScheme('https:')),
        over: trusting,
        reason: /speaks plaintext, .*http:\/\/$/,
      },
      {
        call,
        with: 'a demand for a client certificate',
        start: startMutual,
        over: trusting,
        reason: /requires a certificate of its client$/,
      },
    ]),
  )('with $with is refused by $call before it is called, with the reason', async ({ call, start, over, reason }) => {
    await using service = await start();

    const error = await errorOf(CALLS[call]?.(service.url, over) ?? Promise.resolve());

    expect(error).toBeInstanceOf(ProviderUnreachableError);
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+ cannot be reached /);
    expect(error.message).toMatch(reason);
  });

  it.each(['verifyProvider', 'startRecorder', 'startVirtualService'])(
    'with TLS, but a plaintext URL, is explained by %s',
    async (call) => {
      await using service = await startStub({ tls }).then(withScheme('http:'));

      const error = await errorOf(CALLS[call]?.(service.url, undefined) ?? Promise.resolve());

      expect(error.message).toMatch(/^127\.0\.0\.1:\d+ speaks TLS: its URL begins with https:\/\/$/);
    },
  );

  it.each(Object.keys(CALLS))(
    'with any certificate is called by %s if insecure, and with a client certificate',
    async (call) => {
      await using strict = await startMutual();
      await using anyone = await startLenient(expired);

      await CALLS[call]?.(strict.url, { ...trusting, ...clientPair });
      await CALLS[call]?.(anyone.url, { insecure: true });
    },
  );
});

function withScheme(protocol: string): (server: Server) => Server {
  return (server) => ({
    url: server.url.replace(/^\w+:/, protocol),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  });
}
