// The two published packages as their users get them: packed, installed into an empty folder, and used there.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProject, INSTALL_LIMIT_MS, packKit, runTool } from '../support/kit/packed-kit.ts';
import { startKit } from '../support/kit-command.ts';
import { isSlowSkipped, SLOW_SKIPPED } from '../support/slow/slow-tests.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const example = 'packages/kit/examples/weather';
const exampleTest = 'test/contract/kit/examples-weather.test.ts';
let base: string;
let project: string;
let tarballs: string[];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'kit-package-'));
  project = join(base, 'project');
  tarballs = await packKit(base);
  await createProject(project, tarballs);
}, INSTALL_LIMIT_MS);
afterAll(() => rm(base, { recursive: true, force: true }));

const run = (program: string, given: readonly string[], directory = project) => runTool(program, given, directory);

type Failable = { readonly title: string; readonly failureMessages: readonly string[] };

/** Copies the example and its test, as a user would, and links them to a test runner. */
async function copyExample(): Promise<void> {
  for (const path of [example, exampleTest]) {
    await cp(join(root, path), join(project, path), { recursive: true });
  }
  for (const name of ['vitest', '@types']) {
    await symlink(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
}

describe('the packed kit, in an empty folder', () => {
  it('and its dependency from this repository contain the full text of their licence', async () => {
    const licence = await readFile(join(root, 'LICENSE'), 'utf8');
    expect(licence).toContain('Apache License\n                           Version 2.0, January 2004');
    for (const name of ['kit', 'rpc-server']) {
      const installed = join(project, 'node_modules/@touchstone', name);
      expect(JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))).toMatchObject({
        license: 'Apache-2.0',
      });
      expect(await readFile(join(installed, 'LICENSE'), 'utf8')).toBe(licence);
    }
  });

  it.for(['@touchstone/kit', '@touchstone/rpc-server/port'])(
    'loads no Connect module for %s, and few files',
    async (name) => {
      const script = `
      import { registerHooks } from 'node:module';
      const urls = [];
      registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
      await import(${JSON.stringify(name)});
      console.log(JSON.stringify(urls));`;

      const urls: string[] = JSON.parse(await run(process.execPath, ['--input-type=module', '--eval', script]));

      expect(urls.filter((url) => url.includes('@connectrpc'))).toEqual([]);
      const own = urls.filter((url) => url.includes('/@touchstone/'));
      expect(own.length).toBeGreaterThan(0);
      expect(own.length).toBeLessThan(30);
    },
  );

  it('has both entry points of the server it is built on, and is loaded by CommonJS', async () => {
    const entry = (name: string) =>
      run(process.execPath, ['--print', `require.resolve('@touchstone/rpc-server${name}')`]).then((path) =>
        path.trim(),
      );

    const loaded = await run(process.execPath, ['--print', "typeof require('@touchstone/kit').contract"]);

    expect(loaded).toBe('function\n');
    expect(await entry('')).toMatch(/rpc-server\/dist\/index\.js$/);
    expect(await entry('/port')).toMatch(/rpc-server\/dist\/port\.js$/);
  });

  it('has its command line, which serves a contract until it is stopped', async () => {
    const descriptors = join(base, 'weather.binpb');
    await run('buf', ['build', join(root, example, 'proto'), '--output', descriptors], root);

    const help = await run('npx', ['--no-install', 'kit', '--help']);
    const contracts = join(root, example, 'contracts');
    const given = ['stub', contracts, '--descriptors', descriptors, '--state', 'Oslo expects sun'];
    await using stub = await startKit(given, join(project, 'node_modules/.bin/kit'));
    const { listening } = stub.ready;
    const answer = await fetch(`${listening}/weather.v1.WeatherService/GetForecast`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ town: 'Oslo', daysAhead: 1 }),
    });
    const forecast = await answer.json();
    const { exitCode } = await stub.stop();

    expect(help).toContain('Usage: kit');
    expect(forecast).toEqual({ sky: 'SKY_CLEAR', highestCelsius: 24 });
    expect(exitCode).toBe(0);
    await expect(fetch(listening)).rejects.toThrow('fetch failed');
  });

  it('runs and type-checks the example', async () => {
    await copyExample();
    const compilerOptions = {
      ...{ module: 'nodenext', target: 'esnext', strict: true, noEmit: true, types: ['node'] },
      allowImportingTsExtensions: true,
    };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['test'] }));

    const [types] = await Promise.all([
      run(join(root, 'node_modules/.bin/tsc'), []),
      // A failing test is shown by its results, not by the exit code.
      run(join(root, 'node_modules/.bin/vitest'), [
        ...['run', '--reporter', 'json', '--outputFile', 'results.json'],
        // As long as a contract test of this repository may take.
        ...['--testTimeout', '120000', '--hookTimeout', '120000'],
      ]).catch(() => ''),
    ]);

    expect(types).toBe('');
    const results = JSON.parse(await readFile(join(project, 'results.json'), 'utf8'));
    const failures = results.testResults.flatMap(({ assertionResults }: { assertionResults: Failable[] }) =>
      assertionResults.flatMap(({ title, failureMessages }) =>
        failureMessages.map((message) => `${title}: ${message}`),
      ),
    );
    expect(failures).toEqual([]);
    expect(results).toMatchObject({ success: true, numPassedTests: 6 });
  });

  it.for([
    { runner: 'node', packages: [], program: ['node', '--test'] },
    { runner: 'vitest', packages: [], program: ['vitest', 'run'] },
    { runner: 'jest', packages: ['jest@30'], program: ['node', '--experimental-vm-modules', 'node_modules/.bin/jest'] },
  ] as { runner: string; packages: string[]; program: string[] }[])(
    'writes a first contract test that passes with $runner',
    { timeout: INSTALL_LIMIT_MS },
    async ({ runner, packages, program }, { skip }) => {
      skip(packages.length > 0 && isSlowSkipped, SLOW_SKIPPED);
      const own = join(base, `init-${runner}`);
      await createProject(own, tarballs, packages);
      await run('buf', ['build', join(root, example, 'proto'), '--output', join(own, 'weather.binpb')], root);
      await writeFile(join(own, 'jest.config.js'), "export default { testMatch: ['**/*.test.mjs'], transform: {} };");
      if (runner === 'vitest') await symlink(join(root, 'node_modules/vitest'), join(own, 'node_modules/vitest'));
      const parties = ['--consumer', 'Gardener', '--provider', 'WeatherOffice', '--runner', runner];

      const written = await run('npx', ['--no-install', 'kit', 'init', 'weather.binpb', ...parties], own);
      const [command = '', ...given] = program;
      await run(command, [...given, 'contract.test.mjs'], own);

      expect(written).toMatch(/^wrote contract\.test\.mjs; run it: /);
      const contract = JSON.parse(await readFile(join(own, 'contracts/Gardener-WeatherOffice.json'), 'utf8'));
      expect(contract.interactions).toMatchObject([{ description: 'a first call' }]);
    },
  );
});
