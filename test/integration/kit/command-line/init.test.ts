// `kit init`: what it refuses. That the test it writes passes with each runner is in test/e2e/kit-package.test.ts.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runInTerminal } from '../../../unit/kit/command-line/fake-terminal.ts';

const weather = fileURLToPath(import.meta.resolve('../../../../packages/kit/examples/weather/proto'));
const init = ['init', weather, '--consumer', 'Gardener', '--provider', 'WeatherOffice'];

describe('kit init', () => {
  it.each([
    {
      given: ['--rpc', 'weather.v1.WeatherService/WatchTemperature'],
      reason:
        /^error: --rpc: .* is no unary RPC of the descriptors; they have weather\.v1\.WeatherService\/GetForecast$/,
    },
    { given: ['--out', 'package.json'], reason: /^error: --out: package\.json exists already$/ },
    { given: ['--out', 'nowhere/x.mjs'], reason: /^error: --out: ENOENT/ },
    { given: ['--runner', 'mocha'], reason: /--runner <name>' argument 'mocha' is invalid/ },
  ])('ends with the option and the reason, and writes nothing: $given', async ({ given, reason }) => {
    const { exitCode, out, errors } = await runInTerminal([...init, ...given]);

    expect([exitCode, out]).toEqual([2, '']);
    expect(errors).toMatch(reason);
  });
});
