// The weather example, from a consumer's first expectation to the question what may be changed: a gardener relies on a
// weather office. What its tests write is in git, under packages/kit/examples/weather: the contract and the usage.
import { fileURLToPath } from 'node:url';
import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  anyOf,
  canIChange,
  contract,
  like,
  readBreakingFindings,
  readUsage,
  recordUsage,
  startStubServer,
  verifyProvider,
} from '@touchstone/kit';
import { afterAll, describe, expect, it } from 'vitest';
import { awaitFrost, mustWater } from '../../../packages/kit/examples/weather/gardener.ts';
import { Sky, WeatherService } from '../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { createWeatherOffice, type Town } from '../../../packages/kit/examples/weather/weather-office.ts';

const contracts = fileURLToPath(new URL('../../../packages/kit/examples/weather/contracts', import.meta.url));
const usages = fileURLToPath(new URL('../../../packages/kit/examples/weather/usage', import.meta.url));
const { getForecast, watchTemperature } = WeatherService.method;

describe('the gardener', () => {
  const office = contract('Gardener', 'WeatherOffice', { directory: contracts });
  const test = () => expect.getState().currentTestName;
  const usage = recordUsage('Gardener', 'WeatherOffice', { directory: usages, file: 'examples-weather.test.ts', test });
  const callOffice = (url: string) =>
    usage.client(WeatherService, createClient(WeatherService, createGrpcTransport({ baseUrl: url })));
  const askForTomorrow = (state: string) =>
    office.given(state).uponReceiving('a question for tomorrow').calls(getForecast, { town: 'Oslo', daysAhead: 1 });
  afterAll(() => usage.write({ isWhole: false }));

  it('waters before a warm and dry day', async () => {
    const declaration = askForTomorrow('Oslo expects sun')
      .withDeadline({ atMostMs: 1000 })
      .repliesWith({ sky: anyOf(Sky.CLEAR, Sky.CLOUDY), highestCelsius: like(24) });
    expect(await declaration.run(({ url }) => mustWater(callOffice(url), 'Oslo'))).toBe(true);
  });

  it('waters where the weather is unknown', async () => {
    const declaration = askForTomorrow('no measurements in Oslo').failsWith(Code.NotFound, 'no measurements in Oslo');
    expect(await declaration.run(({ url }) => mustWater(callOffice(url), 'Oslo'))).toBe(true);
  });

  it('hears of the first frost', async () => {
    const declaration = office
      .given('a cold night in Oslo')
      .uponReceiving('a wish to be told of the cold')
      .calls(watchTemperature, { town: 'Oslo' })
      .repliesWith([{ celsius: like(1.5) }, { celsius: -0.5 }]);
    expect(await declaration.run(({ url }) => awaitFrost(callOffice(url), 'Oslo'))).toBe(-0.5);
  });

  it('can be tried without the office: a stub server answers out of the contract', async () => {
    await using stub = await startStubServer(contracts, { services: [WeatherService], states: ['Oslo expects sun'] });

    expect(await mustWater(callOffice(stub.url), 'Oslo')).toBe(true);
  });
});

describe('the weather office', () => {
  it('gives the gardener what it relies on, in every protocol', async () => {
    const towns = new Map<string, Town>();
    await using office = createWeatherOffice(towns);
    const { url } = await office.listen();
    const know = (town: Town) => {
      towns.set('Oslo', town);
      return { teardown: () => towns.delete('Oslo') };
    };
    const sunny = { sky: Sky.CLEAR, highestCelsius: 24 };
    const states = {
      'Oslo expects sun': () => know({ forecasts: [{}, sunny], measurements: [] }),
      'no measurements in Oslo': () => undefined,
      'a cold night in Oslo': () => know({ forecasts: [], measurements: [{ celsius: 3.5 }, { celsius: -0.5 }] }),
    };

    (await verifyProvider({ contracts, url, services: [WeatherService], states })).assertHonoured();
  });

  it('can tell before it drops a field who would miss it', async () => {
    const findings = ['"2" with name "highest_celsius"', '"3" with name "lowest_celsius"'].map((field) => ({
      path: 'weather/v1/weather.proto',
      type: 'FIELD_NO_DELETE',
      message: `Previously present field ${field} on message "GetForecastResponse" was deleted.`,
    }));
    const text = findings.map((finding) => JSON.stringify(finding)).join('\n');

    const report = canIChange(readBreakingFindings(text), await readUsage(usages));

    expect(report.findings.map(({ consumers }) => consumers)).toEqual([['Gardener'], []]);
  });
});
