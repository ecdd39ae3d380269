// The control port of the local stack: who may call it, and faults of links through the kit's fault proxy.
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlService, LinkFault } from '#gen/local/control/v1/control_pb.ts';
import { TraceExportSchema } from '#gen/local/trace/v1/trace_pb.ts';
import { type ControlServer, startControlServer } from '#local/control/control-server.ts';
import type { ControlledStack } from '#local/control/controlled-stack.ts';
import { headersOf, TEST_IDENTITY } from '../../support/identity/credentials.ts';

const configured = new Map<string, string | undefined>();
const restarted: string[] = [];
const signals: string[] = [];
let servers: readonly Server[];
// What the links lead to, each with a proxy of its own.
let providerUrl: string;
let mailboxUrl: string;
let replicaUrl: string;
let brokerUrl: string;
let control: ControlServer;

let stack: ControlledStack;

beforeAll(async () => {
  servers = Array.from({ length: 4 }, () => createServer((_, response) => response.end('paid')).listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  [providerUrl = '', mailboxUrl = '', replicaUrl = '', brokerUrl = ''] = urls;
  stack = {
    rows: () => [{ name: 'payment', address: 'x', pid: 7, health: 'healthy', restarts: 0 }],
    kill: async (process, signal) => void signals.push(`${process} ${signal}`),
    stop: async (process) => void restarted.push(process),
    start: async () => undefined,
    configure: (_, settings) => {
      for (const [name, value] of Object.entries(settings)) configured.set(name, value);
    },
    settingOf: (_, setting) =>
      ({ PAYMENT_PROVIDER_URL: providerUrl, NATS_URL: brokerUrl, SMTP_URL: `${mailboxUrl},${replicaUrl}` })[setting],
    url: () => 'http://127.0.0.1:1',
    operatorToken: async () => 'none',
    orderLog: () => [],
    verifyEnvironment: () => ({ DATA_DIR: '/nowhere', ORDER_PORT: '1' }),
    brokerAccess: async () => ({ url: 'nats://127.0.0.1:1', authority: undefined }),
    sendsSpans: true,
    reportFolder: '/nowhere',
    authority: async () => undefined,
  };
  control = await startControlServer(stack, TEST_IDENTITY.TOKEN_KEYS);
});
afterAll(async () => {
  await control?.[Symbol.asyncDispose]();
  for (const server of servers ?? []) server.close();
});

const as = (headers: Record<string, string>) => {
  const transport = createConnectTransport({
    baseUrl: control.url,
    httpVersion: '1.1',
    interceptors: [
      (next) => (request) => {
        for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
        return next(request);
      },
    ],
  });
  return createClient(ControlService, transport);
};

const NO_PROC = 'only Linux lists the processes in /proc';

/** Sends a signal to the proxy in front of an address. */
async function signalProxy(upstream: string, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await readdir('/proc')) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (words.includes(`\0--upstream\0${upstream}\0`)) process.kill(Number(pid), signal);
  }
}

it('is reached from this machine only', () => {
  expect(new URL(control.url).hostname).toBe('127.0.0.1');
});

describe('a caller', () => {
  it('with the token of an operator is served', async () => {
    const { processes } = await as(await headersOf('operator', 'ada')).listProcesses({});

    expect(processes).toMatchObject([{ name: 'payment', pid: 7 }]);
  });

  it.each([
    ['without a token', async () => ({}), Code.Unauthenticated],
    ['with a token that is none', async () => ({ authorization: 'Bearer a.b.c' }), Code.Unauthenticated],
    ['with the token of a customer', () => headersOf('customer', 'cust123'), Code.PermissionDenied],
    ['with the token of the monitor', () => headersOf('monitor', 'monitor'), Code.PermissionDenied],
    [
      'that is a web page',
      async () => ({ ...(await headersOf('operator', 'ada')), origin: 'http://localhost:8080' }),
      Code.PermissionDenied,
    ],
  ])('%s is refused', async (_, headers: () => Promise<Record<string, string>>, code) => {
    await expect(as(await headers()).killProcess({ process: 'payment' })).rejects.toMatchObject({ code });
  });
});

describe('the link from payment to its provider', () => {
  const link = { from: 'payment', to: 'provider' };
  const pay = async () => await (await fetch(configured.get('PAYMENT_PROVIDER_URL') ?? '')).text();
  const faultOf = async () => {
    const { links } = await as(await headersOf('operator', 'ada')).listProcesses({});
    return links.find(({ from }) => from === 'payment')?.fault;
  };

  it('is cut and healed through a proxy, for which its caller is restarted once', async () => {
    const client = as(await headersOf('operator', 'ada'));

    await client.setLinkFault({ ...link, fault: LinkFault.CUT });
    expect(await faultOf()).toBe(LinkFault.CUT);
    await expect(pay()).rejects.toThrow('fetch failed');
    await client.setLinkFault({ ...link, fault: LinkFault.UNSPECIFIED });
    expect(await pay()).toBe('paid');
    await client.setLinkFault({ ...link, fault: LinkFault.SLOW });

    expect((await client.heal({})).healed).toEqual(['payment to provider']);
    expect(await faultOf()).toBe(LinkFault.UNSPECIFIED);
    expect(await pay()).toBe('paid');
    expect(restarted).toEqual(['payment']);
  });

  it.each([
    ['order', 'payment', LinkFault.CUT, Code.NotFound],
    ['payment', 'order', LinkFault.CUT, Code.NotFound],
    ['payment', 'provider', 42 as LinkFault, Code.InvalidArgument],
  ])('is not %s to %s with the fault %i', async (from, to, fault, code) => {
    const client = as(await headersOf('operator', 'ada'));

    await expect(client.setLinkFault({ from, to, fault })).rejects.toMatchObject({ code });
  });
});

it('a link works again when it is healed after its proxy died', async ({ skip }) => {
  skip(process.platform !== 'linux', NO_PROC);
  const client = as(await headersOf('operator', 'ada'));
  const link = { from: 'order', to: 'nats' };
  const answer = async () => await (await fetch(configured.get('NATS_URL') ?? '')).text();
  await client.setLinkFault({ ...link, fault: LinkFault.SLOW });
  await client.heal({});

  const died = configured.get('NATS_URL');
  await signalProxy(brokerUrl, 'SIGKILL');
  // Its end is noticed a moment after its port has closed.
  await expect.poll(async () => (await client.heal({})).healed).toEqual(['order to nats']);

  expect(configured.get('NATS_URL')).not.toBe(died);
  expect(await answer()).toBe('paid');
  expect((await client.heal({})).healed).toEqual([]);
});

it('the link to two replicas is not taken for cut when only one of its proxies is', async ({ skip }) => {
  skip(process.platform !== 'linux', NO_PROC);
  const client = as(await headersOf('operator', 'ada'));
  const link = { from: 'notification', to: 'mailbox' };
  const answers = async () => {
    const urls = configured.get('SMTP_URL')?.split(',') ?? [];
    return await Promise.all(
      urls.map(
        async (url) =>
          await fetch(url).then(
            (answer) => answer.text(),
            () => 'cut',
          ),
      ),
    );
  };
  await client.setLinkFault({ ...link, fault: LinkFault.CUT });
  await signalProxy(replicaUrl, 'SIGSTOP');
  await expect(client.setLinkFault({ ...link, fault: LinkFault.SLOW })).rejects.toMatchObject({
    code: Code.Unavailable,
  });
  await signalProxy(replicaUrl, 'SIGCONT');

  await client.setLinkFault({ ...link, fault: LinkFault.CUT });
  expect(await answers()).toEqual(['cut', 'cut']);

  expect((await client.heal({})).healed).toEqual(['notification to mailbox']);
  expect(await answers()).toEqual(['paid', 'paid']);
});

it('takes spans by the key that the services of this stack are given', async () => {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: address = '', OTEL_EXPORTER_OTLP_TRACES_HEADERS: header = '' } =
    control.spanSettings;
  const [name = '', key = ''] = header.split('=');
  const orderId = 'b7a4c0de-0000-4000-8000-000000000001';
  const span = {
    name: 'send mail',
    traceId: new Uint8Array([1]),
    attributes: [{ key: 'order.id', value: { stringValue: orderId } }],
  };
  const body = toBinary(
    TraceExportSchema,
    create(TraceExportSchema, { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
  );
  const send = async (headers: Record<string, string>, sent: Uint8Array = body, method = 'POST') =>
    (await fetch(address, { method, headers, ...(method === 'POST' ? { body: Buffer.from(sent) } : {}) })).status;
  const spans = async () => (await as(await headersOf('operator', 'ada')).listOrderSpans({ orderId })).spans;

  expect([await send({}), await send({ [name]: 'wrong' }), await send({ [name]: key }, body, 'GET')]).toEqual([
    401, 401, 405,
  ]);
  expect(await send({ [name]: key }, new Uint8Array([255]))).toBe(400);
  expect(await send({ [name]: key }, new Uint8Array(5_000_000))).toBe(413);
  expect(await spans()).toEqual([]);
  expect(await send({ [name]: key })).toBe(200);
  expect(await spans()).toMatchObject([{ name: 'send mail' }]);
});

it('says why the platform cannot be judged', async () => {
  const client = as(await headersOf('operator', 'ada'));

  await expect(client.judgeInvariants({})).rejects.toMatchObject({
    code: Code.Unavailable,
    rawMessage: expect.stringMatching(/^the platform cannot be judged now: /),
  });
});

it('continues what is frozen when it closes, so that the stack can stop', async () => {
  const other = await startControlServer(stack, TEST_IDENTITY.TOKEN_KEYS);
  signals.length = 0;

  await other[Symbol.asyncDispose]();

  expect(signals).toEqual(['payment SIGCONT']);
});
