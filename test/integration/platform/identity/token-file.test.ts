import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createOwnToken } from '#services/platform/identity/token-file.ts';
import { silentLog } from '../../../support/services/order-builders.ts';

let folder: string;
let path: string;
let time = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchstone-token-'));
  path = join(folder, 'token');
});
afterEach(() => rm(folder, { recursive: true }));

const create = () => createOwnToken(path, silentLog, () => time);

it('a service without a file has no token', async () => {
  expect(await createOwnToken(undefined, silentLog)()).toBeUndefined();
});

it('the token is the content of the file without its line end', async () => {
  await writeFile(path, 'the-token\n');
  expect(await create()()).toBe('the-token');
});

it('a renewed token is used ten seconds later', async () => {
  await writeFile(path, 'first');
  const ownToken = create();
  await ownToken();
  await writeFile(path, 'second');

  time += 9_999;
  expect(await ownToken()).toBe('first');
  time += 1;
  expect(await ownToken()).toBe('second');
});

it('while the file cannot be read the last token is used', async () => {
  await writeFile(path, 'first');
  const ownToken = create();
  await ownToken();
  await rm(path);
  time += 10_000;
  expect(await ownToken()).toBe('first');
});

it('a file that never could be read is named with its setting', async () => {
  await expect(create()()).rejects.toThrow(/^IDENTITY_TOKEN_FILE cannot be read: .*no such file/);
});
