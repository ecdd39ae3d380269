// The control port of a virtual service: its stubs, states, journal and faults, changed and read by RPC.
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import {
  type ControlClient,
  createControlClient,
  latency,
  StubControlService,
  type StubDefinition,
  startControl,
  startVirtualService,
  type VirtualService,
} from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { nameOf } from '../../../../packages/kit/base/rpc-name.ts';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { WeatherService } from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';

const { getForecast, watchTemperature } = WeatherService.method;
const rpc = 'weather.v1.WeatherService/GetForecast';
const contracts = 'packages/kit/examples/weather/contracts';

type Controlled = AsyncDisposable & {
  readonly service: VirtualService;
  readonly control: ControlClient;
  readonly url: string;
};

async function startControlled(options: { contract?: string; journalLimit?: number } = {}): Promise<Controlled> {
  const resources = new AsyncDisposableStack();
  const service = resources.use(await startVirtualService({ services: [WeatherService], ...options }));
  const { url } = resources.use(await startControl({ service }));
  const control = await createControlClient(url);
  return { service, control, url, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Asks for a forecast; returns its lowest temperature, or the code of the error. */
async function ask({ service }: Controlled, town: string): Promise<number | string | undefined> {
  const client = createClient(WeatherService, createConnectTransport({ baseUrl: service.url, httpVersion: '1.1' }));
  return await client.getForecast({ town }).then(
    ({ lowestCelsius }) => lowestCelsius,
    (error) => Code[ConnectError.from(error).code],
  );
}

const forecast = (town: string, lowestCelsius: number): StubDefinition => ({
  rpc,
  match: { town },
  replies: { lowestCelsius },
});

describe('stubs by remote control', () => {
  it('are added, replaced for the same requests, listed with their counts, and removed', async () => {
    await using controlled = await startControlled();
    const { control } = controlled;

    const [oslo] = await control.addStubs(forecast('Oslo', 1), forecast('Bergen', 2));
    const [newer] = await control.addStubs(forecast('Oslo', 3));
    const answers = [await ask(controlled, 'Oslo'), await ask(controlled, 'Bergen'), await ask(controlled, 'Bergen')];
    const listed = await control.stubs(getForecast);
    await control.removeStubs(newer?.id ?? '');

    expect(answers).toEqual([3, 2, 2]);
    expect(listed).toMatchObject([
      { description: 'stub(GetForecast, { town: "Bergen" })', answered: 2 },
      { id: newer?.id, rpc, description: oslo?.description, answered: 1 },
    ]);
    expect([await ask(controlled, 'Oslo'), await ask(controlled, 'Bergen')]).toEqual(['Unimplemented', 2]);
  });

  it('are removed by their ids and those of an RPC in addition', async () => {
    await using controlled = await startControlled();
    const { control, url } = controlled;
    const [oslo] = await control.addStubs(forecast('Oslo', 1));
    await control.addStubs(forecast('Bergen', 2), { rpc: watchTemperature, replies: [] });

    const raw = createClient(StubControlService, createConnectTransport({ baseUrl: url, httpVersion: '1.1' }));
    const { stubs } = await raw.removeStubs({ ids: [oslo?.id ?? ''], rpc: nameOf(watchTemperature) });

    expect(stubs.map(({ description }) => description)).toEqual([oslo?.description, 'stub(WatchTemperature)']);
    expect((await control.stubs()).map(({ description }) => description)).toEqual([
      'stub(GetForecast, { town: "Bergen" })',
    ]);
  });

  it('are replaced for one RPC only, and those of other RPCs stay', async () => {
    await using controlled = await startControlled();
    const { control } = controlled;
    await control.addStubs(forecast('Oslo', 1), forecast('Bergen', 2), { rpc: watchTemperature, replies: [] });

    await control.replaceStubsOf(getForecast, [forecast('Oslo', 5)]);
    const afterOne = (await control.stubs()).map(({ description }) => description);
    await control.replaceStubs([]);

    expect(afterOne).toEqual(['stub(WatchTemperature)', 'stub(GetForecast, { town: "Oslo" })']);
    expect(await control.stubs()).toEqual([]);
  });

  it('stay as they are when one of several new ones is invalid', async () => {
    await using controlled = await startControlled();
    const { control } = controlled;
    await control.addStubs(forecast('Oslo', 1));

    const broken = { rpc, match: { towm: 'Oslo' }, replies: {} };
    const refused = await control.replaceStubs([forecast('Oslo', 2), broken]).catch(ConnectError.from);

    expect(refused).toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: expect.stringMatching(/^definitions\.json\[1\]: match: .*towm/),
    });
    expect(await ask(controlled, 'Oslo')).toBe(1);
  });

  it('match only in the state that is set', async () => {
    await using controlled = await startControlled();
    const { control } = controlled;
    await control.addStubs({ ...forecast('Oslo', 1), when: ['night'] });

    const before = await ask(controlled, 'Oslo');
    await control.setState('night');

    expect([before, await ask(controlled, 'Oslo')]).toEqual(['Unimplemented', 1]);
    expect(await control.server()).toMatchObject({ state: 'night', rpcs: [rpc, expect.any(String)] });
  });
});

describe('a control request', () => {
  it.each([
    { method: 'addStubs', request: {}, error: 'definitions: must have a stub' },
    { method: 'addStubs', request: { definitions: { json: '{}' } }, error: 'definitions.json: must be a JSON list' },
    { method: 'addStubs', request: { definitions: { json: '[' } }, error: 'definitions.json: ' },
    {
      method: 'addStubs',
      request: { definitions: { stubs: [{ rpc, replies: { wind_speed: 2 ** 53 } }] } },
      error: 'definitions.stubs[0].replies.wind_speed: 9007199254740992 may be rounded',
    },
    {
      method: 'addStubs',
      request: { definitions: { stubs: [{ rpc }] } },
      error: 'definitions.stubs[0]: must have one',
    },
    {
      method: 'replaceStubs',
      request: { rpc, definitions: { stubs: [{ rpc: 'weather.v1.WeatherService/WatchTemperature', replies: [] }] } },
      error: `definitions: stub(WatchTemperature) is of weather.v1.WeatherService/WatchTemperature, but rpc is ${rpc}`,
    },
    { method: 'removeStubs', request: {}, error: 'ids: must have an id' },
    { method: 'removeStubs', request: { ids: ['9'] }, error: 'ids: there is no stub "9"', code: Code.NotFound },
    { method: 'listStubs', request: { rpc: 'a.B/C' }, error: 'rpc: "a.B/C" is not served', code: Code.NotFound },
    { method: 'listCalls', request: { afterId: 'first' }, error: 'after_id: "first" is not the id of a call' },
    { method: 'setState', request: {}, error: 'state: must not be empty' },
    {
      method: 'setProviderStates',
      request: { providerStates: ['rain'] },
      error: 'provider_states: no interaction is given "rain"',
    },
  ] as const)('$method is refused naming the field: $error', async (given) => {
    await using controlled = await startControlled({ contract: contracts });
    const transport = createConnectTransport({ baseUrl: controlled.url, httpVersion: '1.1' });
    const client = createClient(StubControlService, transport);
    const call = client[given.method] as (request: object) => Promise<unknown>;

    const refused = await call(given.request).catch(ConnectError.from);

    const code = 'code' in given ? given.code : Code.InvalidArgument;
    expect(refused).toMatchObject({ code, rawMessage: expect.stringContaining(given.error) });
    expect(await controlled.control.stubs()).toEqual([]);
  });

  it('for a provider state fails where there is no contract', async () => {
    await using controlled = await startControlled();

    const refused = await controlled.control.setProviderStates('sun').catch(ConnectError.from);

    expect(refused).toMatchObject({ code: Code.FailedPrecondition });
  });
});

describe('the journal by remote control', () => {
  it('has each call with its requests, headers and outcome', async () => {
    await using controlled = await startControlled();
    const { control } = controlled;
    await control.addStubs(forecast('Oslo', 1), {
      rpc,
      match: { town: 'Bergen' },
      fails: { code: 'not_found', message: 'no measurements' },
    });
    await ask(controlled, 'Oslo');
    await ask(controlled, 'Bergen');

    const calls = await control.calls({ rpc: getForecast });

    expect(calls).toMatchObject([
      { id: '1', rpc, requests: [{ town: 'Oslo' }], outcome: 'answered', error: undefined },
      { id: '2', requests: [{ town: 'Bergen' }], outcome: 'failed', error: { code: 'not_found' } },
    ]);
    expect(calls[0]?.requestHeaders['content-type']).toMatch(/^application\//);
    expect(await control.calls({ outcomes: ['failed'] })).toMatchObject([{ id: '2' }]);
    expect(await control.calls({ afterId: '2' })).toEqual([]);
  });

  it('is read in pages, and says how many calls were dropped', async () => {
    await using controlled = await startControlled({ journalLimit: 2 });
    for (const town of ['a', 'b', 'c']) await ask(controlled, town);
    const transport = createConnectTransport({ baseUrl: controlled.url, httpVersion: '1.1' });

    const client = createClient(StubControlService, transport);
    const first = await client.listCalls({ maxCalls: 1 });
    const second = await client.listCalls({ maxCalls: 1, afterId: first.calls[0]?.id ?? '' });

    expect(first).toMatchObject({ calls: [{ id: '2' }], hasMore: true, dropped: 1 });
    expect(second).toMatchObject({ calls: [{ id: '3' }], hasMore: false });
  });

  it('names the nearest stub of an unmatched call, and the differences', async () => {
    await using controlled = await startControlled();
    const { control } = controlled;
    await control.addStubs(forecast('Oslo', 1));
    await ask(controlled, 'Oslo');
    await ask(controlled, 'Bergen');

    expect(await control.unmatchedCalls()).toMatchObject([
      {
        requests: [{ town: 'Bergen' }],
        nearest: {
          description: 'stub(GetForecast, { town: "Oslo" })',
          differences: [{ path: 'town', expected: '"Oslo"', actual: '"Bergen"' }],
        },
      },
    ]);
  });

  it('names the nearest interaction where the calls are answered by a contract', async () => {
    await using controlled = await startControlled({ contract: contracts });
    await ask(controlled, 'Bergen');

    const [unmatched] = await controlled.control.unmatchedCalls(rpc);

    expect(unmatched?.nearest?.description).toContain('given');
    expect(unmatched?.nearest?.differences).toContainEqual({ path: 'town', expected: '"Oslo"', actual: '"Bergen"' });
  });
});

describe('faults by remote control', () => {
  it('are switched on, listed and removed without touching those of stubs', async () => {
    await using controlled = await startControlled();
    const { control, service } = controlled;
    await control.addStubs({ ...forecast('Oslo', 1), withFault: 'reset' }, forecast('Bergen', 2));

    const { id } = await control.inject('fail-always:status=429,rpc=*');
    const faulted = await ask(controlled, 'Bergen');
    const removed = await control.removeFault(id);
    service.inject(latency({ delayMs: 1 }));
    const healed = await control.heal();

    expect([faulted, removed?.hits, healed.map(({ name }) => name)]).toEqual(['Unavailable', 1, ['latency']]);
    expect([await ask(controlled, 'Oslo'), await ask(controlled, 'Bergen')]).toEqual(['Aborted', 2]);
  });
});

describe('reset by remote control', () => {
  it('removes stubs, calls and faults, and returns to the first states', async () => {
    await using controlled = await startControlled({ contract: contracts });
    const { control } = controlled;
    await control.addStubs(forecast('Oslo', 1));
    await control.setState('night');
    await control.setProviderStates('Oslo expects sun');
    await control.inject('latency:delayMs=1');
    await ask(controlled, 'Bergen');

    await control.reset();

    expect(await control.server()).toMatchObject({ state: 'initial', providerStates: [] });
    expect([await control.stubs(), await control.calls(), await control.heal()]).toEqual([[], [], []]);
  });
});

describe('provider states by remote control', () => {
  it('select the interactions that answer', async () => {
    await using controlled = await startControlled({ contract: contracts });
    const { control } = controlled;
    const { knownProviderStates } = await control.server();

    await control.setProviderStates('Oslo expects sun');

    expect(knownProviderStates).toContain('Oslo expects sun');
    expect(await control.server()).toMatchObject({ providerStates: ['Oslo expects sun'] });
  });
});

describe('a service of several RPCs', () => {
  it('lists the requests of a stream in their order, with numbers of 64 bits as strings', async () => {
    const resources = new AsyncDisposableStack();
    await using _ = resources;
    const service = resources.use(await startVirtualService({ services: [LibraryService] }));
    const control = await createControlClient(resources.use(await startControl({ service })).url);
    await control.addStubs({ rpc: LibraryService.method.returnBooks, replies: { count: 2 } });
    const transport = createConnectTransport({ baseUrl: service.url, httpVersion: '1.1' });
    await createClient(LibraryService, transport).returnBooks(
      (async function* () {
        yield { bookId: 'b1' };
        yield { bookId: 'b2' };
      })(),
    );

    expect(await control.calls()).toMatchObject([{ requests: [{ bookId: 'b1' }, { bookId: 'b2' }] }]);
  });
});
