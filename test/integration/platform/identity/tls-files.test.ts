import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { openTlsFiles, type TlsFiles, type TlsMaterial, type TlsPaths } from '#services/platform/identity/tls-files.ts';
import { recordLog } from '../support/recorded-log.ts';

const AUTHORITY = createAuthority('tests');
const FIRST = issueCertificate(AUTHORITY, { name: 'first' });
const SECOND = issueCertificate(AUTHORITY, { name: 'second' });

let folder: string;
let paths: TlsPaths;
let files: TlsFiles | undefined;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  folder = await mkdtemp(join(tmpdir(), 'touchstone-tls-'));
  paths = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), ca: join(folder, 'ca.pem') };
  await writeFile(paths.cert, FIRST.cert);
  await writeFile(paths.key, FIRST.key);
  await writeFile(paths.ca, AUTHORITY.cert);
});
afterEach(async () => {
  files?.stop();
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

function open() {
  const recorded = recordLog('order');
  const renewed: TlsMaterial[] = [];
  files = openTlsFiles(paths, recorded.log);
  files.onRenewal((material) => renewed.push(material));
  return { files, renewed, ...recorded };
}

it('a renewed pair is used within five seconds and reported once', async () => {
  const opened = open();
  await writeFile(paths.cert, SECOND.cert);
  await writeFile(paths.key, SECOND.key);
  vi.advanceTimersByTime(5_000);
  vi.advanceTimersByTime(5_000);
  expect(opened.files.current().cert.toString()).toBe(SECOND.cert);
  expect(opened.renewed).toHaveLength(1);
});

it('a certificate without its key is not used; the old pair stays until the key is there', async () => {
  const opened = open();
  await writeFile(paths.cert, SECOND.cert);
  vi.advanceTimersByTime(5_000);
  expect(opened.files.current().cert.toString()).toBe(FIRST.cert);
  expect(opened.lines).toMatchObject([{ level: 'warn', reason: expect.stringContaining('cannot be used together') }]);
  await writeFile(paths.key, SECOND.key);
  vi.advanceTimersByTime(5_000);
  expect(opened.files.current().key.toString()).toBe(SECOND.key);
});

it('a renewal that cannot be used is tried again each time, though its files have not changed since', async () => {
  const opened = open();
  await writeFile(paths.cert, SECOND.cert);
  vi.advanceTimersByTime(15_000);
  expect(opened.lines.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn']);
});

it('a file that disappears leaves the old pair in use', async () => {
  const opened = open();
  await rm(paths.key);
  vi.advanceTimersByTime(5_000);
  expect(opened.files.current().key.toString()).toBe(FIRST.key);
  expect(opened.renewed).toEqual([]);
});

it.each([
  ['TLS_CERT_FILE', 'cert'],
  ['TLS_KEY_FILE', 'key'],
  ['TLS_CA_FILE', 'ca'],
] as const)('%s that is missing at the start is named', async (setting, name) => {
  await rm(paths[name]);
  expect(() => open()).toThrow(new RegExp(`^${setting} cannot be read: .*no such file`));
});

it('a key of another certificate at the start is refused, and shown in no message', async () => {
  await writeFile(paths.key, SECOND.key);
  expect(() => open()).toThrow(/^TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE cannot be used together: .*mismatch/);
});
