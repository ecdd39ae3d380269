// A recording of a real service, replayed without the service and promoted to a contract.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readContract } from '../../contract/kit/contract-files.ts';
import { runKit, startKit } from '../../support/kit-command.ts';
import { askForecast, openWeatherFiles, startProvider } from './weather.ts';

describe('a recording', () => {
  it('is made, replayed and promoted by three commands', async () => {
    await using weather = await openWeatherFiles();
    await using provider = await startProvider();
    const file = join(weather.path, 'weather.jsonl');
    const descriptors = ['--descriptors', weather.descriptors];

    await using recorder = await startKit(['record', '--upstream', provider.url, ...descriptors, '--out', file]);
    const recorded = await askForecast(recorder.ready.listening);
    const made = await recorder.stop();
    await using replay = await startKit(['replay', file, ...descriptors]);
    const replayed = await askForecast(replay.ready.listening);
    await askForecast(replay.ready.listening, 'Bergen');
    const served = await replay.stop();
    const parties = ['--consumer', 'Gardener', '--provider', 'WeatherOffice', '--directory', weather.path];
    const promoted = await runKit(['promote', file, ...descriptors, ...parties, '--state', 'Oslo expects sun']);

    expect(replayed).toEqual(recorded);
    expect([made, served, promoted].map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(Array(3).fill([0, '']));
    expect(made.stdout).toContain(`{"file":"${file}","recorded":1,"lost":0}`);
    expect(served.stdout).toContain('{"unmatched":');
    expect(promoted.stdout).toMatch(/^wrote 1 interactions to /);
    expect(promoted.stdout).toContain('\n  left out: times, for which a contract has no place');
    const { interactions } = await readContract(weather.path, 'Gardener-WeatherOffice.json');
    expect(interactions).toMatchObject([{ providerStates: [{ name: 'Oslo expects sun' }] }]);
  });
});
