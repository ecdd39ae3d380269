// `kit verify` against a real provider, whose states are set up over HTTP by a handler in the format of Pact's verifiers.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { Sky } from '../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import type { Town } from '../../../packages/kit/examples/weather/weather-office.ts';
import { runKit } from '../../support/kit-command.ts';
import { openWeatherFiles, startProvider } from './weather.ts';

type StateCall = {
  readonly state: string;
  readonly params: object;
  readonly action: string;
};

/** Sets up the states of these names in `towns`, and records its calls. */
async function startStateHandler(towns: Map<string, Town>, states: Record<string, Town | undefined>) {
  const calls: StateCall[] = [];
  const server = createServer(async (request, response) => {
    const call = (await json(request)) as StateCall;
    calls.push(call);
    const town = call.action === 'setup' ? states[call.state] : undefined;
    if (town) towns.set('Oslo', town);
    else towns.delete('Oslo');
    response.writeHead(call.state in states ? 200 : 404).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    calls,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/states`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const states = {
  'Oslo expects sun': { forecasts: [{}, { sky: Sky.CLEAR, highestCelsius: 24 }], measurements: [] },
  'no measurements in Oslo': undefined,
  'a cold night in Oslo': { forecasts: [], measurements: [{ celsius: 3.5 }, { celsius: -0.5 }] },
};

describe('kit verify', () => {
  it('sets up each state before an interaction, tears it down afterwards, and reports the contract as honoured', async () => {
    await using weather = await openWeatherFiles();
    await using provider = await startProvider();
    await using handler = await startStateHandler(provider.towns, states);
    const wires = ['--wire', 'grpc', '--wire', 'connect-json/1.1'];

    const { exitCode, stdout, stderr } = await runKit(
      ['verify', weather.contracts, '--descriptors', weather.descriptors, '--provider', provider.url].concat(
        ['--state-url', handler.url],
        wires,
      ),
    );

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^consumer +interaction +Connect JSON, HTTP\/1\.1 +gRPC, HTTP\/2\n/);
    expect(handler.calls).toHaveLength(3 * 2 * 2);
    expect(handler.calls.slice(0, 2)).toEqual(
      ['setup', 'teardown'].map((action) => ({ state: handler.calls[0]?.state, params: {}, action })),
    );
  });

  it('ends with 1 and names the field if the provider has drifted', async () => {
    await using weather = await openWeatherFiles();
    await using provider = await startProvider();
    const cloudless = { forecasts: [{}, { sky: Sky.WET, highestCelsius: 24 }], measurements: [] };
    await using handler = await startStateHandler(provider.towns, { ...states, 'Oslo expects sun': cloudless });

    const { exitCode, stdout } = await runKit(
      ['verify', weather.contracts, '--descriptors', weather.descriptors, '--provider', provider.url].concat(
        ['--state-url', handler.url, '--wire', 'grpc'],
        ['--json', '--no-state-teardown'],
      ),
    );

    const { isHonoured, interactions } = JSON.parse(stdout);
    expect({ exitCode, isHonoured }).toEqual({ exitCode: 1, isHonoured: false });
    const failed = interactions.filter(
      ({ checks }: { checks: { differences: [] }[] }) => checks[0]?.differences.length,
    );
    expect(failed).toMatchObject([
      { consumer: 'Gardener', checks: [{ wire: 'gRPC, HTTP/2', differences: [{ path: 'sky', actual: 'SKY_WET' }] }] },
    ]);
    expect(new Set(handler.calls.map(({ action }) => action))).toEqual(new Set(['setup']));
  });
});
