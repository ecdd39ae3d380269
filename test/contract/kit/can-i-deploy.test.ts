// Whether a version can be deployed, told from a git repository alone: contracts of the consumer, results and descriptors of the provider, and
// the tags of what is in production.
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  type CanIDeployOptions,
  canIDeploy,
  formatDeployReport,
  startStubServer,
  verifyProvider,
  writeVerification,
} from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  file_weather_v1_weather,
  WeatherService,
} from '../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { runInTerminal } from '../../unit/kit/command-line/fake-terminal.ts';
import { makeDirectory } from './contract-files.ts';

const CONTRACT = fileURLToPath(
  new URL('../../../packages/kit/examples/weather/contracts/Gardener-WeatherOffice.json', import.meta.url),
);
const FILE = 'contracts/Gardener-WeatherOffice.json';

let repository: Awaited<ReturnType<typeof makeDirectory>>;

async function git(...args: string[]): Promise<void> {
  const identity = ['-c', 'user.name=Tester', '-c', 'user.email=tester@example.com', '-c', 'tag.gpgSign=false'];
  const given = ['-C', repository.path, ...identity, '-c', 'commit.gpgSign=false', ...args];
  await promisify(execFile)('git', given);
}

/** Commits files, and tags the commit. A file without content is removed. */
async function commit(
  files: Readonly<Record<string, string | Uint8Array | undefined>>,
  ...tags: string[]
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(repository.path, name);
    await mkdir(dirname(path), { recursive: true });
    await (content === undefined ? rm(path) : writeFile(path, content));
  }
  await git('add', '--all');
  await git('commit', '--quiet', '--allow-empty', '--message', 'a version');
  for (const tag of tags) await git('tag', tag);
}

type Contract = {
  consumer: { name: string };
  provider: { name: string };
  interactions: { description: string; pluginConfiguration: { touchstone: object } }[];
};

async function contractWith(change: (contract: Contract) => void): Promise<string> {
  const contract = JSON.parse(await readFile(CONTRACT, 'utf8'));
  change(contract);
  return JSON.stringify(contract);
}

beforeAll(async () => {
  repository = await makeDirectory();
  const contracts = join(repository.path, 'contracts');
  const results = join(repository.path, 'results');
  await git('init', '--quiet');
  await commit({ [FILE]: await readFile(CONTRACT, 'utf8') });
  const services = [WeatherService];
  // The stub server honours the contract as it is.
  await using office = await startStubServer(contracts, { services });
  const states = Object.fromEntries(
    ['Oslo expects sun', 'no measurements in Oslo', 'a cold night in Oslo'].map((name) => [
      name,
      () => office.useStates(name),
    ]),
  );
  const wires = ['gRPC, HTTP/2'] as const;
  const verification = await verifyProvider({ contracts, url: office.url, services, states, wires });
  await writeVerification(results, verification);
  const honoured = await readFile(join(results, 'WeatherOffice.json'), 'utf8');
  const set = create(FileDescriptorSetSchema, { file: [file_weather_v1_weather.proto] });
  const descriptors = toBinary(FileDescriptorSetSchema, set);
  const [first, ...rest] = file_weather_v1_weather.proto.messageType;
  const smaller = {
    ...file_weather_v1_weather.proto,
    messageType: [{ ...first, field: first?.field.slice(1) }, ...rest],
  };
  const changed = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [smaller as never] }));

  await commit({ 'results/WeatherOffice.json': undefined }, 'prod/WeatherOffice/v9');
  await commit(
    { 'results/WeatherOffice.json': honoured, 'WeatherOffice.binpb': descriptors },
    ...['prod/WeatherOffice/v10', 'prod/Gardener/v1', 'release/1', 'test/Gardener/v1'],
  );
  await commit({
    [FILE]: await contractWith(({ interactions: [one] }) => Object.assign(one ?? {}, { description: 'x' })),
  });
  await git('branch', 'renamed');
  const wish = (contract: Contract) =>
    Object.assign(contract.interactions[0]?.pluginConfiguration.touchstone ?? {}, { metadata: { 'x-a': 'b' } });
  await commit({ [FILE]: await contractWith(wish) });
  await git('branch', 'wishing');
  await commit({ 'results/WeatherOffice.json': honoured.replace('"isHonoured": true', '"isHonoured": false') });
  await git('branch', 'broken');
  await commit({ 'results/WeatherOffice.json': honoured, 'WeatherOffice.binpb': changed });
  await git('branch', 'smaller');
  await commit({ 'results/WeatherOffice.json': undefined, 'fitting/WeatherOffice.binpb': descriptors });
  await git('branch', 'unverified');
  await commit({ 'results/WeatherOffice.json': 'none' });
  await git('branch', 'damaged');
  await commit(
    {
      [FILE]: await readFile(CONTRACT, 'utf8'),
      'contracts/Gardener-WeatherStation.json': await contractWith(({ provider }) => {
        provider.name = 'WeatherStation';
      }),
      'contracts/Rain Gauge-WeatherOffice.json': await contractWith(({ consumer }) => {
        consumer.name = 'Rain Gauge';
      }),
      'results/WeatherOffice.json': honoured,
    },
    ...['stage/Gardener/v1', 'stage/Rain-Gauge/v1', 'stage/WeatherOffice/v1'],
  );
});
afterAll(() => repository[Symbol.asyncDispose]());

function ask(options: Partial<CanIDeployOptions>) {
  const { path } = repository;
  return canIDeploy({
    ...{ participant: 'Gardener', to: 'prod/{participant}/*', results: 'results' },
    repositories: { Gardener: path, WeatherOffice: path, Clerk: path },
    ...options,
  });
}

const summaryOf = ({ isDeployable, pairs }: Awaited<ReturnType<typeof canIDeploy>>) => [
  isDeployable,
  pairs.map(({ consumer, provider, problems }) => [
    consumer.version,
    provider.version,
    problems.length === 0 ? 'ok' : problems[0]?.reason,
  ]),
];

describe('a version can be deployed', () => {
  it.each([
    {
      what: 'a consumer whose contract the highest version of its provider was verified against',
      options: { version: 'prod/Gardener/v1' },
      pairs: ['prod/Gardener/v1', 'prod/WeatherOffice/v10'],
    },
    {
      what: 'a consumer whose tests have other names',
      options: { version: 'renamed' },
      pairs: ['renamed', 'prod/WeatherOffice/v10'],
    },
    {
      what: 'a consumer whose contract fits the descriptors of its provider, if only these count',
      options: { version: 'prod/Gardener/v1', results: undefined, descriptors: '{participant}.binpb' },
      pairs: ['prod/Gardener/v1', 'prod/WeatherOffice/v10'],
    },
    {
      what: 'a provider that was verified against the contract of its consumer there',
      options: { participant: 'WeatherOffice', version: 'wishing' },
      pairs: ['prod/Gardener/v1', 'wishing'],
    },
    {
      what: 'a version of all participants, by tags without their names',
      options: { version: 'renamed', to: 'release/*' },
      pairs: ['renamed', 'release/1'],
    },
  ])('$what', async ({ options, pairs }) => {
    expect(summaryOf(await ask(options as Partial<CanIDeployOptions>))).toEqual([true, [[...pairs, 'ok']]]);
  });

  it('a provider with several consumers: one that has other providers too, one with a space in its name', async () => {
    const report = await ask({ participant: 'WeatherOffice', version: 'wishing', to: 'stage/{participant}/*' });

    expect(summaryOf(report)).toEqual([
      true,
      [
        ['stage/Rain-Gauge/v1', 'wishing', 'ok'],
        ['stage/Gardener/v1', 'wishing', 'ok'],
      ],
    ]);
  });
});

describe('a version cannot be deployed', () => {
  it.each([
    {
      what: 'a consumer that relies on something new',
      options: { version: 'wishing' },
      reason: 'was not verified with this version',
    },
    {
      what: 'a consumer whose provider is not in the environment',
      options: { version: 'renamed', to: 'test/{participant}/*' },
      reason: 'WeatherOffice is not in the environment',
    },
    {
      what: 'a provider without results',
      options: { participant: 'WeatherOffice', version: 'prod/WeatherOffice/v9' },
      reason: 'prod/WeatherOffice/v9 has no results/WeatherOffice.json',
    },
    {
      what: 'a provider without results, although its schema fits',
      options: { participant: 'WeatherOffice', version: 'unverified', descriptors: 'fitting/{participant}.binpb' },
      reason: 'unverified has no results/WeatherOffice.json',
    },
    {
      what: 'a provider that does not honour the contract of its consumer there',
      options: { participant: 'WeatherOffice', version: 'broken' },
      reason: 'was verified with this version, which does not honour it',
    },
    {
      what: 'a provider whose schema lacks a field of the contract',
      options: { participant: 'WeatherOffice', version: 'smaller', descriptors: '{participant}.binpb' },
      reason: expect.stringMatching(/^does not fit the schema: .* has no field "/),
    },
  ])('$what', async ({ options, reason }) => {
    const report = await ask(options);

    expect(summaryOf(report)).toEqual([false, [[expect.anything(), report.pairs[0]?.provider.version, reason]]]);
    expect(formatDeployReport(report)).toContain('it cannot be deployed');
  });

  it('a provider that the consumer in its own repository asks more of than one that others have kept', async () => {
    await using own = await makeDirectory();
    await using other = await makeDirectory();
    for (const { path } of [own, other]) await git('clone', '--quiet', repository.path, path);
    await git('-C', own.path, 'tag', '--force', 'prod/Gardener/v1', 'origin/wishing');
    const repositories = { Gardener: own.path, WeatherOffice: repository.path, Clerk: other.path };

    const report = await ask({ participant: 'WeatherOffice', version: 'prod/WeatherOffice/v10', repositories });

    const pair = ['prod/Gardener/v1', 'prod/WeatherOffice/v10', 'was not verified with this version'];
    expect(summaryOf(report)).toEqual([false, [pair]]);
  });

  it('if one of several providers of the consumer is not in the environment', async () => {
    const report = await ask({ version: 'stage/Gardener/v1', to: 'stage/{participant}/*' });

    expect(report.isDeployable).toBe(false);
    expect(report.pairs.map(({ provider, isHonoured }) => [provider.name, isHonoured])).toEqual([
      ['WeatherOffice', true],
      ['WeatherStation', false],
    ]);
  });

  it.each([
    { options: { to: 'staging/*' }, reason: 'to: no tag matches "staging/*"' },
    { options: { version: 'v7' }, reason: /: there is no commit "v7"$/ },
    { options: { version: '--all' }, reason: /: there is no commit "--all"$/ },
    { options: { results: undefined }, reason: /^results: or descriptors are required/ },
    { options: { repositories: { Gardener: '/' } }, reason: /^\/: not a git repository/ },
    {
      options: { participant: 'WeatherOffice', version: 'damaged' },
      reason: /^results\/WeatherOffice\.json at damaged: is not JSON/,
    },
    {
      options: { participant: 'Clerk', version: 'renamed' },
      reason: /^participant: no contract is between "Clerk" and .*; they name Gardener, WeatherOffice$/,
    },
  ])('is not said where it cannot be told: $reason', async ({ options, reason }) => {
    await expect(ask(options as Partial<CanIDeployOptions>)).rejects.toThrow(reason);
  });

  it('ends kit can-i-deploy with exit code 1, the pair and the interaction', async () => {
    const { path } = repository;
    const where = ['--repository', `Gardener=${path}`, '--repository', `WeatherOffice=${path}`, '--results', 'results'];
    const given = ['can-i-deploy', '--participant', 'Gardener', '--to', 'prod/{participant}/*', ...where];

    const fits = await runInTerminal([...given, '--ref', 'prod/Gardener/v1']);
    const breaks = await runInTerminal([...given, '--ref', 'wishing']);
    const unknown = await runInTerminal([...given, '--ref', 'wishing', '--repository', 'Gardener']);

    expect([fits.exitCode, fits.out]).toEqual([0, expect.stringMatching(/ok\n\nit can be deployed$/)]);
    expect([breaks.exitCode, breaks.out]).toEqual([
      1,
      expect.stringMatching(
        /WeatherOffice at prod\/WeatherOffice\/v10 may break Gardener at wishing, which relies on\n {2}"/,
      ),
    ]);
    expect([unknown.exitCode, unknown.errors]).toEqual([
      2,
      expect.stringContaining('--repository: "Gardener" must be'),
    ]);
  });
});
