import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTokenIssuer } from '#local/identity/token-issuer.ts';
import { createTokenVerifier, type TokenSettings } from '#services/platform/identity/token-verifier.ts';
import { TEST_SEED } from '../../../support/identity/credentials.ts';
import { failureOf } from '../../../support/services/order-builders.ts';

type Claims = Readonly<Record<string, unknown>>;

const NOW = Date.parse('2026-03-01T12:00:00Z');
const SECOND = 1_000;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const CLAIMS = {
  iss: 'https://id.example',
  aud: 'shop',
  sub: 'alice',
  role: 'operator',
  exp: NOW / SECOND + 60,
};

let folder: string;
let settings: TokenSettings;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchstone-keys-'));
  const keys = join(folder, 'keys.json');
  await writeFile(keys, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] }));
  settings = { issuer: CLAIMS.iss, audience: CLAIMS.aud, keys, clockToleranceMs: 5_000 };
});
afterAll(() => rm(folder, { recursive: true }));

function sign(change: Claims = {}, header = { alg: 'ES256', kid: 'k1' }): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...change }).setProtectedHeader(header).sign(privateKey);
}

const verifyAt = (timeMs: number, token: string) => createTokenVerifier(settings, () => timeMs)(token);

describe('a token', () => {
  it.each(['operator', 'customer', 'monitor', 'service'] as const)('of the role %s names its caller', async (role) => {
    expect(await verifyAt(NOW, await sign({ role }))).toEqual({ kind: role, id: 'alice' });
  });

  it('may name several audiences', async () => {
    expect(await verifyAt(NOW, await sign({ aud: ['other', 'shop'] }))).toMatchObject({ id: 'alice' });
  });

  it.each<[string, Claims]>([
    ['of another issuer', { iss: 'https://other.example' }],
    ['of an issuer whose name begins the same', { iss: 'https://id.example.evil' }],
    ['without a subject', { sub: undefined }],
    ['with an empty subject', { sub: '' }],
    ['with a subject of 129 characters', { sub: 'x'.repeat(129) }],
    ['with a control character in its subject', { sub: 'a\nb' }],
    ['without a role', { role: undefined }],
    ['of an unknown role', { role: 'root' }],
    ['whose role is a list', { role: ['operator'] }],
    ['that never expires', { exp: undefined }],
    ['that is not valid yet', { nbf: NOW / SECOND + 6 }],
  ])('%s is refused', async (_, change) => {
    expect(await failureOf(verifyAt(NOW, await sign(change)))).toMatchObject({
      kind: 'unauthenticated',
      reason: 'TOKEN_INVALID',
    });
  });

  it('for another audience is refused, also one that begins the same', async () => {
    for (const aud of ['other', 'shop2', 'sho', ['other', 'shop2']]) {
      const answer = await verifyAt(NOW, await sign({ aud })).catch(({ reason }) => reason);
      expect(answer).toBe('TOKEN_INVALID');
    }
  });

  it('may be as far ahead of the clock or behind it as the tolerance', async () => {
    expect(await verifyAt(NOW, await sign({ nbf: NOW / SECOND + 5 }))).toMatchObject({ id: 'alice' });
    expect(await verifyAt(NOW + 64_000, await sign())).toMatchObject({ id: 'alice' });
  });

  it('that has expired says so', async () => {
    expect(await failureOf(verifyAt(NOW + 65_000, await sign()))).toMatchObject({
      kind: 'unauthenticated',
      reason: 'TOKEN_EXPIRED',
    });
  });

  it('that was known is refused once it has expired', async () => {
    let time = NOW;
    const verify = createTokenVerifier(settings, () => time);
    const token = await sign();
    await verify(token);
    time = NOW + 66_000;
    expect(await failureOf(verify(token))).toMatchObject({ reason: 'TOKEN_EXPIRED' });
  });

  it.each([
    ['rubbish', () => 'not-a-token'],
    ['three dots', () => '...'],
    ['an unsigned token', () => new UnsecuredJWT(CLAIMS).encode()],
    ['a token signed with the public key as a secret', async () => hmacToken()],
    ['a token of an unknown key', () => sign({}, { alg: 'ES256', kid: 'k2' })],
    ['a token of another key with a known name', () => foreignToken()],
    ['a token whose claims were changed', async () => forge(await sign())],
    ['a token of 9,000 characters', async () => `${await sign()}${'x'.repeat(9_000)}`],
  ])('that is %s is refused', async (_, make) => {
    expect(await failureOf(verifyAt(NOW, await make()))).toMatchObject({
      kind: 'unauthenticated',
      reason: 'TOKEN_INVALID',
    });
  });

  it('never appears in the message of its refusal', async () => {
    const token = await forge(await sign());
    const { message } = await failureOf(verifyAt(NOW, token));
    for (const part of token.split('.')) expect(message).not.toContain(part);
  });
});

describe('a token that was accepted', () => {
  /** A verifier whose keys cannot be read any more, once it is blind: then only what it remembers is accepted. */
  async function createBlindableVerifier(name: string) {
    const keys = join(folder, name);
    await copyFile(settings.keys!, keys);
    const clock = { ms: 0 };
    const verify = createTokenVerifier(
      { ...settings, keys },
      () => NOW,
      () => clock.ms,
    );
    const becomeBlind = async () => {
      await rm(keys);
      clock.ms += SECOND;
    };
    return { verify, clock, becomeBlind };
  }

  it('is believed for a minute, then verified again', async () => {
    const { verify, clock, becomeBlind } = await createBlindableVerifier('removed.json');
    const token = await sign();
    await verify(token);
    await becomeBlind();

    clock.ms = 59_999;
    expect(await verify(token)).toMatchObject({ id: 'alice' });
    clock.ms = 60_000;

    expect(await failureOf(verify(token))).toMatchObject({ reason: 'TOKEN_KEYS_UNAVAILABLE' });
  });

  it('is remembered among 1,000, and forgotten first when there are more', async () => {
    const { verify, becomeBlind } = await createBlindableVerifier('many.json');
    const tokens = await Promise.all(Array.from({ length: 1_001 }, (_, index) => sign({ sub: `user-${index}` })));
    for (const token of tokens) await verify(token);
    await becomeBlind();

    expect(await verify(tokens[1]!)).toMatchObject({ id: 'user-1' });
    expect(await verify(tokens[1_000]!)).toMatchObject({ id: 'user-1000' });
    expect(await failureOf(verify(tokens[0]!))).toMatchObject({ reason: 'TOKEN_KEYS_UNAVAILABLE' });
  });
});

describe('a service without keys', () => {
  it('refuses every token', async () => {
    const verify = createTokenVerifier({ ...settings, keys: undefined }, () => NOW);
    expect(await failureOf(verify(await sign()))).toMatchObject({ kind: 'unauthenticated', reason: 'TOKEN_INVALID' });
  });

  it('whose file of keys is missing may be called again', async () => {
    const verify = createTokenVerifier({ ...settings, keys: join(folder, 'missing.json') }, () => NOW);
    expect(await failureOf(verify(await sign()))).toMatchObject({
      kind: 'unavailable',
      reason: 'TOKEN_KEYS_UNAVAILABLE',
    });
  });

  it.each(['', '{"keys"', '[]', '{"keys":5}'])('whose file of keys is %j may be called again', async (content) => {
    const keys = join(folder, 'broken.json');
    await writeFile(keys, content);
    const verify = createTokenVerifier({ ...settings, keys }, () => NOW);
    expect(await failureOf(verify(await sign()))).toMatchObject({ reason: 'TOKEN_KEYS_UNAVAILABLE' });
  });
});

it('the issuer of the local stack issues what is accepted', async () => {
  const keys = join(folder, 'local.json');
  const issuer = createTokenIssuer(TEST_SEED);
  await writeFile(keys, JSON.stringify(await issuer.keySet()));
  const verify = createTokenVerifier({ issuer: 'touchstone', audience: 'touchstone', keys, clockToleranceMs: 0 });
  const token = await issuer.issue({ role: 'customer', subject: 'cust123', lifetimeMs: 60_000 });
  expect(await verify(token)).toEqual({ kind: 'customer', id: 'cust123' });
});

async function hmacToken(): Promise<string> {
  const secret = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
  return await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret);
}

async function foreignToken(): Promise<string> {
  const { privateKey: foreign } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(foreign);
}

async function forge(token: string): Promise<string> {
  const [header, , signature] = token.split('.');
  const claims = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'mallory' })).toString('base64url');
  return `${header}.${claims}.${signature}`;
}
