// Commands that serve, as processes: they report when they are ready, and a signal stops them and closes their port.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createControlClient, FaultProxyService } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { runKit, startKit } from '../../support/kit-command.ts';
import { askForecast, openWeatherFiles, startProvider } from './weather.ts';

const sunny = { sky: 'SKY_CLEAR', highestCelsius: 24 };
const stubs = [{ rpc: 'weather.v1.WeatherService/GetForecast', match: { town: 'Oslo' }, replies: sunny }];

describe('a command that serves', () => {
  it.each([
    { command: 'stub', signal: 'SIGTERM', args: 'CONTRACTS --descriptors DESCRIPTORS --state STATE' },
    { command: 'virtual', signal: 'SIGINT', args: 'DESCRIPTORS --stubs STUBS' },
    { command: 'faults', signal: 'SIGTERM', args: '--upstream PROVIDER' },
    { command: 'record', signal: 'SIGINT', args: '--upstream PROVIDER --descriptors DESCRIPTORS --out RECORDING' },
  ] as const)(
    'answers as soon as $command is ready, and ends with 0 and its port closed',
    async ({ command, signal, args }) => {
      await using weather = await openWeatherFiles();
      await using provider = await startProvider();
      const values: Record<string, string> = {
        CONTRACTS: weather.contracts,
        DESCRIPTORS: weather.descriptors,
        STATE: 'Oslo expects sun',
        STUBS: join(weather.path, 'stubs.json'),
        PROVIDER: provider.url,
        RECORDING: join(weather.path, 'weather.jsonl'),
      };
      await writeFile(join(weather.path, 'stubs.json'), JSON.stringify(stubs));

      await using kit = await startKit([command, ...args.split(' ').map((arg) => values[arg] ?? arg)]);
      const { listening } = kit.ready;
      const forecast = await askForecast(listening);
      const { exitCode, stderr } = await kit.stop(signal);

      expect({ forecast, exitCode, stderr }).toEqual({ forecast: sunny, exitCode: 0, stderr: '' });
      await expect(askForecast(listening)).rejects.toThrow('fetch failed');
    },
  );

  it.each([
    { what: 'alone', more: [] },
    { what: 'with a control port', more: ['--control'] },
  ])('prints unmatched calls when it ends, and ends with 1 with --fail-on-unmatched, $what', async ({ more }) => {
    await using weather = await openWeatherFiles();
    const given = ['stub', weather.contracts, '--descriptors', weather.descriptors];
    await using kit = await startKit([...given, '--fail-on-unmatched', ...more]);

    const answer = await askForecast(kit.ready.listening, 'Bergen');
    const { exitCode, stdout } = await kit.stop();

    expect([answer.code, exitCode]).toEqual(['unimplemented', 1]);
    expect(JSON.parse(stdout.split('\n')[1] ?? '').unmatched).toContain('town is "Bergen", not "Oslo"');
  });

  it('injects the faults of its options, takes more by RPC, and prints what they hit', async () => {
    await using provider = await startProvider();
    const fault = 'fail-always:status=503,rpc=weather.v1.WeatherService/*,times=1';
    await using kit = await startKit(['faults', '--upstream', provider.url, '--fault', fault, '--control', '0']);
    const { listening, control } = kit.ready;
    const faults = createClient(FaultProxyService, createGrpcTransport({ baseUrl: control }));

    const first = await askForecast(listening).catch((error: Error) => error.name);
    const second = await askForecast(listening);
    await faults.injectFault({ proxy: 'upstream', fault: { kind: { case: 'failFirst', value: { count: 1 } } } });
    const { exitCode, stdout } = await kit.stop();

    expect([first, second, exitCode]).toEqual(['SyntaxError', sunny, 0]);
    const [, ...printed] = stdout.trimEnd().split('\n');
    expect(printed.map((line) => JSON.parse(line))).toMatchObject([
      { fault: 'fail-always', hits: 1, seen: 2 },
      { fault: 'fail-first', hits: 0, seen: 0 },
    ]);
  });

  it('names the option if the port is in use', async () => {
    await using weather = await openWeatherFiles();
    await using provider = await startProvider();
    const { port } = new URL(provider.url);

    const { exitCode, stderr } = await runKit(['virtual', weather.descriptors, '--port', port]);

    expect(exitCode).toBe(2);
    expect(stderr).toBe(`error: --port: port ${port} is in use already\n`);
  });

  it('is controlled by another process: its provider state, its stubs and its journal', async () => {
    await using weather = await openWeatherFiles();
    await using kit = await startKit(['stub', weather.contracts, '--descriptors', weather.descriptors, '--control']);
    const { listening, control: controlUrl } = kit.ready;
    const control = await createControlClient(controlUrl);

    await control.setProviderStates('Oslo expects sun');
    const ofContract = await askForecast(listening);
    await control.addStubs({ ...(stubs[0] as (typeof stubs)[number]), replies: { highestCelsius: -3 } });
    const ofStub = await askForecast(listening);
    const { exitCode } = await kit.stop();

    expect([ofContract, ofStub, exitCode]).toMatchObject([sunny, { highestCelsius: -3 }, 0]);
  });
});
