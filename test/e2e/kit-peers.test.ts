// The packed kit beside the oldest and the newest versions of what its users have too: protobuf-es, Connect, TypeScript and Node.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createProject, INSTALL_LIMIT_MS, packKit, runTool } from '../support/kit/packed-kit.ts';
import { isSlowSkipped, SLOW_SKIPPED } from '../support/slow/slow-tests.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EXAMPLE = 'packages/kit/examples/weather';
const FIRST_TEST = 'test/e2e/fixtures/first-contract.ts';
const PROTOBUF = '@bufbuild/protobuf';
const TSCONFIG = {
  compilerOptions: {
    ...{ module: 'nodenext', target: 'es2023', lib: ['esnext', 'dom', 'dom.iterable'], types: ['node'] },
    ...{ strict: true, rewriteRelativeImportExtensions: true, outDir: 'out', rootDir: '.' },
  },
  files: [FIRST_TEST],
};

// The options that every version of the plugin has.
const BUF_GEN = {
  version: 'v2',
  inputs: [{ directory: 'proto' }],
  plugins: [{ local: 'protoc-gen-es', out: 'gen', opt: ['target=ts', 'import_extension=ts'] }],
};

type Manifest = {
  version: string;
  engines: { node: string };
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
};

const readManifest = async (directory: string) =>
  JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Manifest;

/** The lowest version that a range such as ^2.5.0 or >=22.14 allows. */
const lowestOf = (range: string) => range.replace(/^(\^|>=)/, '');

let base: string | undefined;
let tarballs: string[];
let manifest: Manifest;

beforeAll(async () => {
  if (isSlowSkipped) return;
  base = await mkdtemp(join(tmpdir(), 'kit-peers-'));
  manifest = await readManifest(join(ROOT, 'packages/kit'));
  tarballs = await packKit(base);
}, INSTALL_LIMIT_MS);
afterAll(async () => {
  if (base !== undefined) await rm(base, { recursive: true, force: true });
});

const ENDS = {
  lowest: {
    versionOf: lowestOf,
    typescript: '5.8.2',
    // The programs of Node as npm has them, one a platform.
    node: () => [`node-${process.platform}-${process.arch}@${lowestOf(manifest.engines.node)}`],
  },
  highest: { versionOf: (range: string) => range, typescript: '7', node: () => [] },
};

it.for(['lowest', 'highest'] as const)(
  'with the %s versions that its ranges allow, shares one protobuf with its user, type-checks and passes a first contract test',
  { timeout: INSTALL_LIMIT_MS },
  async (end, { skip }) => {
    skip(isSlowSkipped, SLOW_SKIPPED);
    const { versionOf, typescript, node } = ENDS[end];
    const project = join(base ?? '', end);
    // A user without an optional peer must be able to use the rest; its own range may be narrower.
    const peers = Object.entries(manifest.peerDependencies)
      .filter(([name]) => manifest.peerDependenciesMeta[name]?.optional !== true)
      .map(([name, range]) => `${name}@${versionOf(range)}`);
    const plugin = `@bufbuild/protoc-gen-es@${versionOf(manifest.peerDependencies[PROTOBUF] ?? '')}`;
    const packages = [...peers, plugin, `typescript@${typescript}`, '@types/node@22', ...node()];
    await createProject(project, tarballs, packages);
    for (const path of [join(EXAMPLE, 'proto'), FIRST_TEST]) {
      await cp(join(ROOT, path), join(project, path), { recursive: true });
    }
    await writeFile(join(project, EXAMPLE, 'buf.gen.yaml'), JSON.stringify(BUF_GEN));
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    const own = (name: string) => join(project, 'node_modules', name);
    const program = node().map((name) => own(`${name.split('@')[0]}/bin/node`))[0] ?? process.execPath;

    await runTool('env', [`PATH=${own('.bin')}:${process.env.PATH}`, 'buf', 'generate'], join(project, EXAMPLE));
    const types = await runTool(own('.bin/tsc'), [], project);
    const results = await runTool(program, ['--test', join('out', FIRST_TEST.replace(/ts$/, 'js'))], project);
    const help = await runTool(program, [own('@touchstone/kit/dist/command-line/main.js'), '--help'], project);

    expect(await runTool('npm', ['ls', PROTOBUF, '--parseable'], project)).toBe(`${own(PROTOBUF)}\n`);
    if (end === 'lowest') {
      expect((await readManifest(own(PROTOBUF))).version).toBe(lowestOf(manifest.peerDependencies[PROTOBUF] ?? ''));
      expect(await runTool(program, ['--version'], project)).toMatch(`v${lowestOf(manifest.engines.node)}.`);
    }
    expect(types).toBe('');
    expect(results).toMatch(/(# |ℹ )pass 2\n/);
    expect(help).toContain('Usage: kit');
  },
);
