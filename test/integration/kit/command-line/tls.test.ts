// The options of TLS of the command line: what cannot be used ends a command with exit code 2 and the reason before it opens a port.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startStubServer } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { WeatherService } from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { runInTerminal } from '../../../unit/kit/command-line/fake-terminal.ts';

const weather = (path: string) =>
  fileURLToPath(import.meta.resolve(`../../../../packages/kit/examples/weather/${path}`));
const AUTHORITY = createAuthority('tests');
const HOSTS = ['127.0.0.1', 'localhost'];
const pair = issueCertificate(AUTHORITY, { name: 'weather', hosts: HOSTS });
const expired = issueCertificate(AUTHORITY, { name: 'weather', days: 1, from: new Date('2020-01-01T00:00:00Z') });
const early = issueCertificate(AUTHORITY, { name: 'weather', from: new Date('2100-01-01T00:00:00Z') });
const misnamed = issueCertificate(AUTHORITY, { name: 'weather', hosts: ['weather.example'] });

let folder: string;
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kit-tls-'));
  await promisify(execFile)('buf', ['build', weather('proto'), '--output', file('weather.binpb')]);
  const pairs = { pair, expired, early, misnamed };
  const texts = Object.entries(pairs).flatMap(([name, { cert, key }]) => [
    [`${name}.pem`, cert],
    [`${name}.key`, key],
  ]);
  texts.push(['authority.pem', AUTHORITY.cert], ['note.txt', 'not a certificate']);
  texts.push(['secret.key', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n']);
  for (const [name = '', text = ''] of texts) await writeFile(file(name), text);
});
afterAll(() => rm(folder, { recursive: true }));

/** The arguments of each command that opens a port, and of `kit verify`, for a service at `url`. */
const ARGUMENTS: Readonly<Record<string, (url: string) => string[]>> = {
  stub: () => ['stub', weather('contracts'), '--descriptors', file('weather.binpb'), '--state', 'Oslo expects sun'],
  virtual: () => ['virtual', file('weather.binpb')],
  replay: () => ['replay', 'none.jsonl', '--descriptors', file('weather.binpb')],
  record: (url) => [
    ...['record', '--upstream', url, '--descriptors', file('weather.binpb'), '--out', file('recording.jsonl')],
    '--replace',
  ],
  'virtual --upstream': (url) => ['virtual', file('weather.binpb'), '--upstream', url],
  faults: (url) => ['faults', '--upstream', url],
  verify: (url) => [
    ...['verify', weather('contracts'), '--provider', url, '--descriptors', file('weather.binpb')],
    ...['--state-url', url, '--wire', 'grpc'],
  ],
  fuzz: (url) => ['fuzz', url, '--descriptors', file('weather.binpb'), '--calls', '20'],
};
const argumentsOf = (command: string, url = 'https://127.0.0.1:1') => ARGUMENTS[command]?.(url) ?? [];

describe('a certificate that cannot be used', () => {
  it.each([
    { cert: 'nowhere.pem', key: 'pair.key', reason: /--tls-cert: ENOENT.*nowhere\.pem/ },
    { cert: 'pair.pem', key: 'nowhere.key', reason: /--tls-key: ENOENT.*nowhere\.key/ },
    { cert: 'note.txt', key: 'pair.key', reason: /--tls-cert: this is not a certificate in PEM$/ },
    { cert: 'pair.pem', key: 'note.txt', reason: /--tls-key: this is not a private key in PEM$/ },
    { cert: 'pair.pem', key: 'secret.key', reason: /--tls-key: the key is encrypted; write it without a passphrase$/ },
    { cert: 'pair.pem', key: 'misnamed.key', reason: /--tls-key: this is the key of another certificate$/ },
    { cert: 'expired.pem', key: 'expired.key', reason: /--tls-cert: the certificate expired on 2020-01-02T00:00:00/ },
    { cert: 'early.pem', key: 'early.key', reason: /--tls-cert: the certificate is not valid before 2100-01-01T00:00/ },
    { cert: 'pair.pem', key: undefined, reason: /--tls-key is required with --tls-cert$/ },
    { cert: undefined, key: 'pair.key', reason: /--tls-cert is required with --tls-key$/ },
  ])('($cert, $key) ends every command that serves with the option and the reason', async ({ cert, key, reason }) => {
    const given = [
      ...(cert === undefined ? [] : ['--tls-cert', file(cert)]),
      ...(key === undefined ? [] : ['--tls-key', file(key)]),
    ];
    for (const command of ['stub', 'virtual', 'record', 'replay', 'faults']) {
      const { exitCode, out, errors } = await runInTerminal([...argumentsOf(command), ...given]);

      expect({ command, exitCode, out }).toEqual({ command, exitCode: 2, out: '' });
      expect(errors).toMatch(reason);
    }
  });

  it.each([
    { given: ['--cacert', 'note.txt'], reason: /--cacert: this is not a certificate in PEM$/ },
    { given: ['--cacert', 'nowhere.pem'], reason: /--cacert: ENOENT/ },
    { given: ['--client-cert', 'pair.pem'], reason: /--client-key is required with --client-cert$/ },
    {
      given: ['--client-cert', 'pair.pem', '--client-key', 'early.key'],
      reason: /--client-key: .* another certificate$/,
    },
    { given: ['--cacert', 'authority.pem', '--insecure'], reason: /--insecure: cannot be given with --cacert/ },
  ])('($given) ends every command that calls a service with the option and the reason', async ({ given, reason }) => {
    const args = given.map((value) => (value.startsWith('--') ? value : file(value)));
    for (const command of ['record', 'virtual --upstream', 'verify', 'faults', 'fuzz']) {
      const { exitCode, out, errors } = await runInTerminal([...argumentsOf(command), ...args]);

      expect({ command, exitCode, out }).toEqual({ command, exitCode: 2, out: '' });
      expect(errors).toMatch(reason);
    }
  });

  it('is of no use for a service without TLS', async () => {
    for (const command of ['record', 'virtual --upstream', 'verify', 'faults', 'fuzz']) {
      const { exitCode, errors } = await runInTerminal([...argumentsOf(command, 'http://127.0.0.1:1'), '--insecure']);

      expect(exitCode).toBe(2);
      expect(errors).toMatch(/--insecure: the URL of (--upstream|--provider|target) must begin with https:\/\/$/);
    }
  });
});

describe('a control port with TLS', () => {
  const serves = () => ['--control-tls-cert', file('pair.pem'), '--control-tls-key', file('pair.key')];

  it.each(['stub', 'virtual', 'faults'])(
    'is opened by kit %s beside a port without, and needs --control',
    async (of) => {
      const command = argumentsOf(of, 'http://127.0.0.1:1');

      const open = await runInTerminal([...command, '--control', '0', ...serves(), '--json']);
      const without = await runInTerminal([...command, ...serves()]);
      const half = await runInTerminal([...command, '--control', '0', '--control-tls-cert', file('pair.pem')]);

      expect(JSON.parse(open.out.split('\n')[0] ?? '')).toMatchObject({
        listening: expect.stringMatching(/^http:/),
        control: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
      });
      expect([without.exitCode, without.errors]).toEqual([2, 'error: --control is required with --control-tls-cert']);
      expect([half.exitCode, half.errors]).toEqual([2, 'error: --control-tls-key is required with --control-tls-cert']);
    },
  );
});

describe('a service with TLS', () => {
  const startUpstream = () =>
    startStubServer(weather('contracts'), { services: [WeatherService], states: ['Oslo expects sun'], tls: pair });

  it('whose authority is unknown ends every command that calls it with exit code 2 and the option that helps', async () => {
    await using upstream = await startUpstream();
    for (const command of ['record', 'virtual --upstream', 'verify', 'faults', 'fuzz']) {
      const decrypts = command === 'faults' ? ['--tls-cert', file('pair.pem'), '--tls-key', file('pair.key')] : [];
      const { exitCode, out, errors } = await runInTerminal([...argumentsOf(command, upstream.url), ...decrypts]);

      expect({ command, exitCode, out }).toEqual({ command, exitCode: 2, out: '' });
      expect(errors).toMatch(/cannot be reached because of its certificate: .* --cacert, or by .*NODE_EXTRA_CA_CERTS$/);
    }
  });

  it.each(['record', 'virtual --upstream', 'faults'])(
    'is served over TLS by kit %s, with its authority or insecurely',
    async (command) => {
      await using upstream = await startUpstream();
      const serves = ['--tls-cert', file('pair.pem'), '--tls-key', file('pair.key')];

      for (const trust of [['--cacert', file('authority.pem')], ['--insecure']]) {
        const { exitCode, out, errors } = await runInTerminal([
          ...argumentsOf(command, upstream.url),
          ...serves,
          ...trust,
        ]);
        expect([exitCode, errors]).toEqual([0, '']);
        expect(out).toMatch(/^listening on https:\/\/127\.0\.0\.1:\d+/);
      }
    },
  );

  it.each([['--cacert', 'authority.pem'], ['--insecure']])('is fuzzed in every protocol with %s', async (...trust) => {
    await using upstream = await startUpstream();
    const given = trust.map((value) => (value.startsWith('--') ? value : file(value)));

    const { exitCode, out, errors } = await runInTerminal([...argumentsOf('fuzz', upstream.url), ...given]);

    expect([exitCode === 2, errors]).toEqual([false, '']);
    expect(out).toMatch(/calls of 2 RPCs by Connect JSON, HTTP\/1\.1; .*gRPC, HTTP\/2; .*gRPC-Web, HTTP\/2/);
  });

  it('is started by kit stub although its certificate has another name, with a warning', async () => {
    const serves = ['--tls-cert', file('misnamed.pem'), '--tls-key', file('misnamed.key')];

    const { exitCode, errors } = await runInTerminal([...argumentsOf('stub'), ...serves]);

    expect(exitCode).toBe(0);
    expect(errors).toMatch(/^warning: --tls-cert: .* not for 127\.0\.0\.1, .* but for DNS:weather\.example$/);
  });
});
