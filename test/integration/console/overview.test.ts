// What the console tells about the platform and about itself, in plain HTTP.
import { once } from 'node:events';
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepVerification } from '../../support/contracts/verification-results.ts';
import { headersOf } from '../../support/identity/credentials.ts';
import { takeCallersForRemote } from '../../support/identity/remote-callers.ts';
import { type ConsoleFixture, startConsoleFixture } from '../../support/services/console.ts';

const METRICS = 'rpc_server_call_duration_seconds_count 3\n';

let order: Server;
let asked: (string | undefined)[];
let console: ConsoleFixture;

beforeAll(async () => {
  asked = [];
  order = createServer((request, response) => {
    asked.push(request.headers.authorization);
    if (request.url === '/metrics') response.end(METRICS);
    else if (request.url === '/refused/metrics') response.writeHead(403).end(METRICS);
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(order, 'listening');
  const url = `http://127.0.0.1:${(order.address() as AddressInfo).port}`;
  console = await startConsoleFixture({ ORDER_URL: url, PAYMENT_URL: 'http://127.0.0.1:1', CONSOLE_SIGN_IN: 'on' });
});
afterAll(async () => {
  await console?.[Symbol.asyncDispose]();
  order?.closeAllConnections();
  order?.close();
});

const read = async (path: string, headers: Record<string, string>) => {
  const response = await fetch(`${console.url}${path}`, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

describe('the overview', () => {
  it('has the metrics of each service that answers, and says which do not', async () => {
    const headers = await headersOf('operator', 'ada');
    asked = [];

    const { body } = await read('/console/overview', headers);

    const services = body.services as { name: string; metrics: { served: object } | null }[];
    expect(services.map(({ name }) => name)).toEqual([
      'order',
      'inventory',
      'payment',
      'notification',
      'analytics',
      'monitor',
    ]);
    expect(services[0]?.metrics?.served).toEqual({ calls: 3, failed: 0, seconds: 0 });
    expect(services[2]?.metrics).toBeNull();
    expect(asked).toEqual([headers.authorization]);
  });

  it.each(['customer', 'monitor'] as const)('is not for a %s', async (role) => {
    expect((await read('/console/overview', await headersOf(role, 'x'))).status).toBe(403);
  });
});

it('reads the metrics of every replica, not what one says that refuses', async () => {
  const url = `http://127.0.0.1:${(order.address() as AddressInfo).port}`;
  await using other = await startConsoleFixture({ ORDER_URL: `${url},http://127.0.0.1:1,${url}/refused` });

  const response = await fetch(`${other.url}/console/overview`);

  const { services } = (await response.json()) as { services: { name: string; instance: string; metrics: object }[] };
  const orders = services.filter(({ name }) => name === 'order');
  expect(orders.map(({ instance, metrics }) => [instance, metrics !== null])).toEqual([
    [new URL(url).host, true],
    ['127.0.0.1:1', false],
    [new URL(url).host, false],
  ]);
});

describe('the alerts', () => {
  it('are judged by the metrics of the moment, for operators only', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'rules-'));
    const path = join(folder.path, 'rules.yaml');
    await using other = await startConsoleFixture({
      ...{ CONSOLE_RULES_FILE: path, CONSOLE_SIGN_IN: 'on', PAYMENT_URL: 'http://127.0.0.1:1' },
    });
    const alerts = async (headers: Record<string, string>) => {
      const response = await fetch(`${other.url}/console/alerts`, { headers });
      return { status: response.status, body: (await response.json()) as { alerts?: unknown[]; reason?: string } };
    };
    const headers = await headersOf('operator', 'ada');

    expect(await alerts(headers)).toMatchObject({ status: 503, body: { reason: 'RULES_UNREADABLE' } });
    const rule = `{ alert: Down, expr: 'up{instance="127.0.0.1:1"} == 0', annotations: { summary: '{{ $labels.instance }}' } }`;
    await writeFile(path, `groups: [{ rules: [${rule}] }]`);

    const { body } = await alerts(headers);
    expect(body.alerts).toMatchObject([{ name: 'Down', state: 'firing', instances: [{ summary: '127.0.0.1:1' }] }]);
    expect((await alerts(await headersOf('customer', 'x'))).status).toBe(403);
    expect((await alerts({})).status).toBe(401);
  });

  it('are none where there is no file of rules', async () => {
    expect((await read('/console/alerts', await headersOf('operator', 'ada'))).body).toEqual({ alerts: [] });
  });
});

describe('the usage files', () => {
  it('are those of the folder, and no other files', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'usage-'));
    await writeFile(join(folder.path, 'a.json'), '{"consumer":"a"}');
    await writeFile(join(folder.path, 'secret.txt'), 'secret');
    await using other = await startConsoleFixture({ CONSOLE_USAGE_DIR: folder.path });

    const response = await fetch(`${other.url}/console/usage`);

    expect(await response.json()).toEqual({ files: [{ consumer: 'a' }] });
  });

  it('are none where there is no folder, and for operators only', async () => {
    expect((await read('/console/usage', await headersOf('operator', 'ada'))).body).toEqual({ files: [] });
    expect((await read('/console/usage', await headersOf('customer', 'x'))).status).toBe(403);
    expect((await read('/console/usage', {})).status).toBe(401);
  });
});

describe('the verifications', () => {
  const CONTRACT = JSON.stringify({
    ...{ consumer: { name: 'A' }, provider: { name: 'B' } },
    interactions: [{ description: 'one' }, { description: 'two' }, { description: 'three' }],
  });

  it('are those of the contract as it is, of an older one, and none, as the contract tests keep them', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'verification-'));
    const [contracts, results] = [join(folder.path, 'contracts'), join(folder.path, 'results')];
    const file = join(contracts, 'A-B.json');
    await mkdir(contracts);
    await writeFile(file, CONTRACT);
    await using other = await startConsoleFixture({
      ...{ CONSOLE_CONTRACTS_DIR: contracts, CONSOLE_VERIFICATION_DIR: results },
    });
    const pair = async () => {
      const { pairs } = (await (await fetch(`${other.url}/console/verifications`)).json()) as { pairs: unknown[] };
      return pairs[0];
    };
    const verified = (title: string, fault?: string) => ({ title, checks: [{ wire: 'w', differences: [], fault }] });
    const keep = (kind: 'calls' | 'events', ...interactions: ReturnType<typeof verified>[]) =>
      keepVerification(file, kind, { interactions: interactions as never }, results);

    expect(await pair()).toMatchObject({ consumer: 'A', provider: 'B', interactions: 3, evidence: 'none', time: null });
    await keep('calls', verified('one'), verified('two', 'no answer'));
    expect(await pair()).toMatchObject({ honoured: 1, broken: ['two'], evidence: 'current' });
    await keep('events', verified('three'));
    await keep('calls', verified('one'), verified('two'));
    expect(await pair()).toMatchObject({ honoured: 3, broken: [], evidence: 'current', time: expect.any(String) });
    await writeFile(file, `${CONTRACT}\n`);
    expect(await pair()).toMatchObject({ evidence: 'changed' });
    // The events are verified against the contract as it is now, the calls are not.
    await keep('events', verified('three'));
    expect(await pair()).toMatchObject({ evidence: 'changed' });
  });

  it('are for operators only, none where there are no folders, and name a file that is none', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'verification-'));
    await writeFile(join(folder.path, 'A-B.json'), '{}');
    await using other = await startConsoleFixture({
      ...{ CONSOLE_CONTRACTS_DIR: folder.path, CONSOLE_VERIFICATION_DIR: folder.path },
    });
    const response = await fetch(`${other.url}/console/verifications`);

    expect([response.status, await response.json()]).toMatchObject([503, { reason: 'RESULTS_UNREADABLE' }]);
    const operator = await headersOf('operator', 'ada');
    expect((await read('/console/verifications', operator)).body).toEqual({ pairs: [] });
    expect((await read('/console/verifications', await headersOf('customer', 'x'))).status).toBe(403);
    expect((await read('/console/verifications', {})).status).toBe(401);
  });
});

it('shows its metrics to another machine with a token only', async () => {
  await using other = await startConsoleFixture({ CONSOLE_SIGN_IN: 'on' });
  using _remote = takeCallersForRemote();

  const scrape = async (headers = {}) => (await fetch(`${other.url}/metrics`, { headers })).status;

  expect(await scrape()).toBe(401);
  expect(await scrape(await headersOf('monitor', 'prometheus'))).toBe(200);
});

it('is healthy, and has metrics of its calls and breakers', async () => {
  const health = await fetch(`${console.url}/grpc.health.v1.Health/Check`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  const probe = await fetch(`${console.url}/healthz`);
  const metrics = await (await fetch(`${console.url}/metrics`)).text();

  expect(await health.json()).toEqual({ status: 'SERVING' });
  expect([probe.status, await probe.text()]).toEqual([200, 'SERVING\n']);
  expect(metrics).toMatch(/^circuit_breaker_state\{dependency="local-control",service="console"\} 0$/m);
});
