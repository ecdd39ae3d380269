import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTokenVerifier } from '#services/platform/identity/token-verifier.ts';
import { failureOf } from '../../../support/services/order-builders.ts';

type Pair = { readonly privateKey: KeyObject; readonly publicKey: KeyObject };

const makePair = (): Pair => generateKeyPairSync('ed25519');
const OLD = makePair();
const NEW = makePair();

let folder: string;
let path: string;
let time: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchstone-keys-'));
  path = join(folder, 'keys.json');
  time = Date.now();
});
afterEach(() => rm(folder, { recursive: true }));

async function keySet(pairs: Readonly<Record<string, Pair>>): Promise<string> {
  const keys = Object.entries(pairs).map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid }));
  return JSON.stringify({ keys: await Promise.all(keys) });
}

function sign(kid: string, { privateKey }: Pair): Promise<string> {
  return new SignJWT({ role: 'operator' })
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .setIssuer('i')
    .setAudience('a')
    .setSubject(kid)
    .setExpirationTime(Math.floor(time / 1_000) + 3_600)
    .sign(privateKey);
}

const createVerifier = (keys: string) =>
  createTokenVerifier(
    { issuer: 'i', audience: 'a', keys, clockToleranceMs: 0 },
    () => time,
    () => time,
  );

it('a key that is added to the file is accepted a second later, without a restart', async () => {
  await writeFile(path, await keySet({ old: OLD }));
  const verify = createVerifier(path);
  const token = await sign('new', NEW);
  expect(await failureOf(verify(token))).toMatchObject({ reason: 'TOKEN_INVALID' });

  await writeFile(path, await keySet({ old: OLD, new: NEW }));
  time += 1_000;

  expect(await verify(token)).toMatchObject({ id: 'new' });
  expect(await verify(await sign('old', OLD))).toMatchObject({ id: 'old' });
});

it('a key that is removed from the file is refused, also for a token that was accepted before', async () => {
  await writeFile(path, await keySet({ old: OLD, new: NEW }));
  const verify = createVerifier(path);
  const token = await sign('old', OLD);
  await verify(token);

  await writeFile(path, await keySet({ new: NEW }));
  time += 60_000;

  expect(await failureOf(verify(token))).toMatchObject({ reason: 'TOKEN_INVALID' });
});

it('a token that was accepted is verified again at once when the keys have changed since', async () => {
  await writeFile(path, await keySet({ old: OLD, new: NEW }));
  const verify = createVerifier(path);
  const token = await sign('old', OLD);
  await verify(token);

  await writeFile(path, await keySet({ new: NEW }));
  time += 1_000;
  await verify(await sign('new', NEW));

  expect(await failureOf(verify(token))).toMatchObject({ reason: 'TOKEN_INVALID' });
});

it('a token that was accepted is not verified again for a minute', async () => {
  await writeFile(path, await keySet({ old: OLD }));
  const verify = createVerifier(path);
  const token = await sign('old', OLD);
  await verify(token);
  await rm(path);

  time += 59_000;
  expect(await verify(token)).toMatchObject({ id: 'old' });
  time += 1_000;
  expect(await failureOf(verify(token))).toMatchObject({ reason: 'TOKEN_KEYS_UNAVAILABLE' });
  await writeFile(path, '{}');
});

it('keys are read from a URL too, and an issuer that is down is no fault of the token', async () => {
  const answers: (string | undefined)[] = [undefined, await keySet({ old: OLD })];
  const server = createServer((_, response) => {
    const answer = answers.shift();
    response.writeHead(answer === undefined ? 503 : 200, { 'content-type': 'application/json' }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const verify = createVerifier(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
    const token = await sign('old', OLD);
    expect(await failureOf(verify(token))).toMatchObject({ kind: 'unavailable', reason: 'TOKEN_KEYS_UNAVAILABLE' });
    expect(await verify(token)).toMatchObject({ id: 'old' });
    expect(answers).toEqual([]);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

it('a key that is added while the clock is set back by an hour is accepted all the same', async () => {
  await writeFile(path, await keySet({ old: OLD }));
  let monotonic = 0;
  const settings = { issuer: 'i', audience: 'a', keys: path, clockToleranceMs: 0 };
  const verify = createTokenVerifier(
    settings,
    () => time,
    () => monotonic,
  );
  await verify(await sign('old', OLD));

  await writeFile(path, await keySet({ old: OLD, new: NEW }));
  time -= 3_600_000;
  monotonic += 1_000;

  expect(await verify(await sign('new', NEW))).toMatchObject({ id: 'new' });
});
