// The control port: another process switches faults by RPC.
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { FaultProxyService, startFaultControl, startFaultProxy } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { dialects, type Fixture, outcomeOf, reserveStockRpc, startFixture } from './clients.ts';

type Controlled = AsyncDisposable & {
  readonly fixture: Fixture;
  readonly control: Client<typeof FaultProxyService>;
};

async function startControlled(): Promise<Controlled> {
  const fixture = await startFixture();
  const port = await startFaultControl({ proxies: { inventory: fixture.proxy } });
  const transport = createConnectTransport({ baseUrl: port.url, httpVersion: '1.1' });
  return {
    fixture,
    control: createClient(FaultProxyService, transport),
    async [Symbol.asyncDispose]() {
      await port.stop();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

type FaultKind = NonNullable<Parameters<Client<typeof FaultProxyService>['injectFault']>[0]['fault']>['kind'];

const kinds: readonly [NonNullable<FaultKind>, string][] = [
  [{ case: 'latency', value: { delayMs: 1 } }, 'latency'],
  [{ case: 'bandwidth', value: { bytesPerSecond: 1 } }, 'bandwidth'],
  [{ case: 'reset', value: {} }, 'reset'],
  [{ case: 'blackHole', value: {} }, 'black-hole'],
  [{ case: 'halfClose', value: {} }, 'half-close'],
  [{ case: 'slowClose', value: { delayMs: 1 } }, 'slow-close'],
  [{ case: 'garbage', value: {} }, 'garbage'],
  [{ case: 'truncateMessage', value: {} }, 'truncate-message'],
  [{ case: 'truncateFrame', value: {} }, 'truncate-frame'],
  [{ case: 'goAway', value: {} }, 'go-away'],
  [{ case: 'failFirst', value: { count: 1 } }, 'fail-first'],
  [{ case: 'failEvery', value: { interval: 1 } }, 'fail-every'],
  [{ case: 'failAlways', value: {} }, 'fail-always'],
  [{ case: 'partition', value: {} }, 'partition'],
  [{ case: 'refuse', value: {} }, 'refuse'],
  [{ case: 'answerInTls', value: {} }, 'answer-in-tls'],
];

describe('the control port', () => {
  it('shows the address of a proxy without the password of its service', async () => {
    await using proxy = await startFaultProxy({ upstream: 'nats://me:s3cret@127.0.0.1:4222' });
    await using port = await startFaultControl({ proxies: { broker: proxy } });
    const transport = createConnectTransport({ baseUrl: port.url, httpVersion: '1.1' });

    const { proxies } = await createClient(FaultProxyService, transport).listProxies({});

    expect(proxy.url).toBe(`nats://me:s3cret@127.0.0.1:${proxy.port}`);
    expect(proxies.map(({ url }) => url)).toEqual([`nats://127.0.0.1:${proxy.port}`]);
  });

  it('switches a fault on, shows its counts, and switches it off', async () => {
    await using controlled = await startControlled();
    const { control, fixture } = controlled;
    using caller = dialects[0]!.open(fixture.proxy.url);

    const { fault } = await control.injectFault({
      proxy: 'inventory',
      fault: { kind: { case: 'failAlways', value: { status: 429 } } },
      rpc: reserveStockRpc,
      after: 1,
      every: 2,
      times: 1,
      probability: 1,
    });
    const outcomes: string[] = [];
    for (let call = 0; call < 4; call += 1) outcomes.push(await outcomeOf(caller.reserve()));
    const { proxies } = await control.listProxies({});
    const removed = await control.removeFault({ proxy: 'inventory', faultId: fault!.id });

    expect(outcomes).toEqual(['ok', 'ok', 'unavailable', 'ok']);
    expect(proxies).toMatchObject([
      {
        name: 'inventory',
        url: fixture.proxy.url,
        faults: [{ name: 'fail-always', rpc: reserveStockRpc, hits: 1, seen: 4 }],
      },
    ]);
    expect(removed.fault).toMatchObject({ id: fault!.id, hits: 1 });
    expect(fixture.proxy.faults()).toEqual([]);
  });

  it('knows every fault, and heals them all', async () => {
    await using controlled = await startControlled();
    const { control, fixture } = controlled;

    for (const [kind, name] of kinds) {
      expect((await control.injectFault({ proxy: 'inventory', fault: { kind } })).fault?.name).toBe(name);
    }
    const { faults } = await control.heal({});

    expect(faults.map(({ name }) => name)).toEqual(kinds.map(([, name]) => name));
    expect(fixture.proxy.faults()).toEqual([]);
  });

  it('heals the proxy that is named, and every one if none is', async () => {
    await using first = await startFaultProxy({ upstream: 'http://127.0.0.1:1' });
    await using second = await startFaultProxy({ upstream: 'http://127.0.0.1:1' });
    await using port = await startFaultControl({ proxies: { first, second } });
    const transport = createConnectTransport({ baseUrl: port.url, httpVersion: '1.1' });
    const control = createClient(FaultProxyService, transport);
    const fault = { kind: { case: 'blackHole', value: {} } } as const;
    for (const proxy of ['first', 'second']) await control.injectFault({ proxy, fault });
    const countFaults = () => [first.faults().length, second.faults().length];

    await control.heal({ proxy: 'second' });
    const afterOne = countFaults();
    await control.heal({});

    expect([afterOne, countFaults()]).toEqual([
      [1, 0],
      [0, 0],
    ]);
  });

  it('names the invalid field', async () => {
    await using controlled = await startControlled();
    const { control } = controlled;
    const refusal = async (calling: Promise<unknown>) => {
      const error = ConnectError.from(await calling.catch((thrown: unknown) => thrown));
      return [error.code, error.rawMessage];
    };
    const refuse = { kind: { case: 'refuse', value: {} } } as const;

    expect(await refusal(control.injectFault({ proxy: 'payment', fault: refuse }))).toEqual([
      Code.NotFound,
      'proxy: no proxy is named "payment"; the proxies are inventory',
    ]);
    expect(await refusal(control.injectFault({ proxy: 'inventory' }))).toEqual([
      Code.InvalidArgument,
      '"fault" must set one kind of fault',
    ]);
    expect(await refusal(control.injectFault({ proxy: 'inventory', fault: refuse, rpc: '*' }))).toEqual([
      Code.InvalidArgument,
      '"rpc" does not apply to refuse, which hits whole connections',
    ]);
    expect(await refusal(control.removeFault({ proxy: 'inventory', faultId: '9' }))).toEqual([
      Code.NotFound,
      'fault_id: proxy "inventory" has no fault "9"',
    ]);
  });
});
