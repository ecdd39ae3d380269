// `kit prune`: the contract tests of a consumer are run in a process of their own, and what they did not record is removed.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runKit } from '../../../support/kit-command.ts';

const ROOT = new URL('../../../../', import.meta.url);
const CONTRACT = fileURLToPath(new URL('packages/kit/examples/weather/contracts/Gardener-WeatherOffice.json', ROOT));
const KIT = new URL('packages/kit/index.ts', ROOT).href;
const WEATHER = new URL('packages/kit/examples/weather/gen/weather/v1/weather_pb.ts', ROOT).href;

let folder: string;
const file = () => join(folder, 'Gardener-WeatherOffice.json');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-prune-test-'));
  await cp(CONTRACT, file());
});
afterEach(() => rm(folder, { recursive: true }));

async function descriptionsIn(path: string): Promise<string[]> {
  const { interactions } = JSON.parse(await readFile(path, 'utf8'));
  return interactions.map(({ description }: { description: string }) => description);
}

const KILL = "process.kill(process.pid, 'SIGKILL');";

/** A command that records one interaction of the contract again, as a consumer's test does, and ends with this statement. */
async function writeTest(end = 'process.exit(0);'): Promise<string> {
  const script = `
    import { contract } from ${JSON.stringify(KIT)};
    import { WeatherService } from ${JSON.stringify(WEATHER)};
    await contract('Gardener', 'WeatherOffice', { directory: ${JSON.stringify(folder)} })
      .given('Oslo expects sun')
      .uponReceiving('a question for tomorrow')
      .calls(WeatherService.method.getForecast, { town: 'Oslo' })
      .repliesWith({})
      .run(({ url }) => fetch(url + '/weather.v1.WeatherService/GetForecast', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"town": "Oslo"}',
      }).then((response) => response.text()));
    console.log('1 test passed');
    ${end}`;
  await writeFile(join(folder, 'test.mjs'), script);
  return `"${process.execPath}" "${join(folder, 'test.mjs')}"`;
}

const before = ['a question for tomorrow', 'a question for tomorrow', 'a wish to be told of the cold'];

describe('kit prune', () => {
  it('removes what the run did not record, and names it', async () => {
    const { exitCode, stdout, stderr } = await runKit(['prune', folder, '--run', await writeTest(), '--json']);

    expect([exitCode, stderr]).toEqual([0, '1 test passed\n']);
    const removed = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).description);
    expect(removed).toEqual(before.slice(1));
    expect(await descriptionsIn(file())).toEqual(['a question for tomorrow']);
  });

  it('lists it only with --dry-run, with exit code 1', async () => {
    const { exitCode, stdout } = await runKit(['prune', folder, '--run', await writeTest(), '--dry-run']);

    expect(exitCode).toBe(1);
    expect(stdout).toContain(`no test records ${file()}: a wish to be told of the cold`);
    expect(await descriptionsIn(file())).toEqual(before);
  });

  it('removes nothing when the run fails, or recorded nothing in a contract', async () => {
    const failed = await runKit(['prune', folder, '--run', await writeTest('process.exit(3);')]);
    const killed = await runKit(['prune', folder, '--run', `exec ${await writeTest(KILL)}`]);
    const idle = await runKit(['prune', folder, '--run', 'true']);

    expect([failed.exitCode, killed.exitCode, idle.exitCode]).toEqual([2, 2, 0]);
    expect(failed.stderr).toContain('error: --run: the command ended with 3, so nothing is removed');
    expect(killed.stderr).toContain('error: --run: the command ended with SIGKILL, so nothing is removed');
    expect(idle.stderr).toContain(`warning: ${file()}: the run recorded nothing in it`);
    expect(await descriptionsIn(file())).toEqual(before);
  });
});
