// `make packages`: packs both packages, and checks that others can install them, find their types, and see no change of the API that is not in git.
// With --write it writes the reports of the API.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { packKit, runTool } from '../kit/packed-kit.ts';
import { reportApi } from './api-report.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
// CommonJS loads the packages with require, as Node can since 22.12; resolvers older than that are not supported.
const ACCEPTED = ['CJSResolvesToESM'];
const OLD_RESOLVERS = ['node10'];
const ENTRIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'rpc-server': { '@touchstone/rpc-server': 'index.d.ts', '@touchstone/rpc-server/port': 'port.d.ts' },
  kit: { '@touchstone/kit': 'index.d.ts' },
};

type Manifest = { readonly name: string };

async function findProblems(tarball: string, base: string): Promise<string[]> {
  const data = await readFile(tarball);
  const unpacked = await mkdtemp(join(base, 'unpacked-'));
  await runTool('tar', ['-xzf', tarball, '-C', unpacked], base);
  const pkgDir = join(unpacked, 'package');
  const manifest = JSON.parse(await readFile(join(pkgDir, 'package.json'), 'utf8')) as Manifest;
  const { messages } = await publint({ pkgDir, pack: false, strict: true });
  const texts = messages.map((message) => formatMessage(message, manifest as never, { color: false }) ?? message.code);
  const types = await checkPackage(createPackageFromTarballData(data));
  const wrong =
    types.types === false ? ['has no types'] : types.problems.filter(isOurs).map((problem) => JSON.stringify(problem));
  return [...texts, ...wrong, ...(await compareApi(manifest.name, pkgDir))].map((text) => `${manifest.name}: ${text}`);
}

function isOurs(problem: { readonly kind: string; readonly resolutionKind?: string }): boolean {
  return !ACCEPTED.includes(problem.kind) && !OLD_RESOLVERS.includes(problem.resolutionKind ?? '');
}

async function compareApi(name: string, pkgDir: string): Promise<string[]> {
  const folder = name.replace('@touchstone/', '');
  const file = join(ROOT, 'packages', folder, 'api.txt');
  const report = reportApi(join(pkgDir, 'dist'), ENTRIES[folder] ?? {});
  if (process.argv.includes('--write')) {
    await writeFile(file, report);
    return [];
  }
  const before = await readFile(file, 'utf8').catch(() => '');
  if (before === report) return [];
  const [gone, added] = [missingIn(report, before), missingIn(before, report)];
  return [
    `packages/${folder}/api.txt is not its API: "make packages ARGS=--write" writes it`,
    ...gone.map((line) => `- ${line}`),
    ...added.map((line) => `+ ${line}`),
  ];
}

/** The lines of `from` that `text` does not have, a few of them. */
function missingIn(text: string, from: string): string[] {
  const lines = new Set(text.split('\n'));
  return from
    .split('\n')
    .filter((line) => !lines.has(line))
    .slice(0, 20);
}

const base = await mkdtemp(join(tmpdir(), 'packages-'));
try {
  const tarballs = await packKit(base);
  const problems = (await Promise.all(tarballs.map((tarball) => findProblems(tarball, base)))).flat();
  for (const problem of problems) console.error(problem);
  console.log(`${tarballs.length} packages, ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await rm(base, { recursive: true });
}
