// A contract's file has what every test has added to it, whichever process wrote last.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { InteractionJson } from '../../../packages/kit/contract-file/contract-document.ts';
import { ContractStore } from '../../../packages/kit/contract-file/contract-store.ts';
import { noteRecorded, RECORDED_RUN, readRecordedRun } from '../../../packages/kit/contract-file/recorded-run.ts';

function json(description: string): InteractionJson {
  return { type: 'Synchronous/HTTP', description, pluginConfiguration: { touchstone: {} } };
}

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), 'contract-store-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

const readDescriptions = async (file: string) =>
  JSON.parse(await readFile(file, 'utf8')).interactions.map(({ description }: InteractionJson) => description);

it('keeps what others have written since it wrote last', async () => {
  await using folder = await makeFolder();
  const [one, other] = [1, 2].map(() => new ContractStore(folder.path, 'Reader', 'Library')) as [
    ContractStore,
    ContractStore,
  ];

  await one.merge([json('b')]);
  await other.merge([json('c')]);
  await one.merge([json('a')]);

  expect(await readDescriptions(one.file)).toEqual(['a', 'b', 'c']);
});

it('refuses a file that has become no contract since it wrote last, and leaves it', async () => {
  await using folder = await makeFolder();
  const store = new ContractStore(folder.path, 'Reader', 'Library');
  await store.merge([json('a')]);
  await writeFile(store.file, 'half of');

  await expect(store.merge([json('b')])).rejects.toThrow('is not JSON');

  expect(await readFile(store.file, 'utf8')).toBe('half of');
});

it('of a run has what every test of every process has recorded', async () => {
  await using folder = await makeFolder();
  const file = join(folder.path, 'Reader-Library.json');
  vi.stubEnv(RECORDED_RUN, folder.path);
  noteRecorded(file, ['a']);
  noteRecorded(file, ['b']);
  vi.unstubAllEnvs();
  await writeFile(join(folder.path, 'other.jsonl'), `${JSON.stringify({ file, keys: ['c'] })}\n`);

  expect(readRecordedRun(folder.path)).toEqual(new Map([[file, new Set(['a', 'b', 'c'])]]));
});
