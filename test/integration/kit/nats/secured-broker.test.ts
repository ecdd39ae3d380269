// The commands of events with a broker that asks for TLS, for a certificate, a token or credentials.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contract } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { BookReturnedSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { makeDirectory } from '../../../contract/kit/contract-files.ts';
import { type CommandOutput, runUntil } from '../../../unit/kit/command-line/fake-terminal.ts';
import { createCredentials, type SecuredNats, startSecuredNats } from './secured-nats.ts';

const type = BookReturnedSchema.typeName;
const descriptors = ['--descriptors', 'packages/kit/examples/library/proto'];
const never = new Promise<void>(() => undefined);
const AUTHORITY = createAuthority('tests');
const { config: operator, credentials } = createCredentials();

let files: Awaited<ReturnType<typeof makeDirectory>>;
const file = (name: string) => join(files.path, name);

beforeAll(async () => {
  files = await makeDirectory();
  const server = issueCertificate(AUTHORITY, { name: 'broker', hosts: ['127.0.0.1'] });
  const client = issueCertificate(AUTHORITY, { name: 'gardener' });
  const texts = { 'ca.pem': AUTHORITY.cert, 'server.pem': server.cert, 'server.key': server.key };
  const more = { 'client.pem': client.cert, 'client.key': client.key, 'user.creds': credentials };
  for (const [name, text] of Object.entries({ ...texts, ...more })) await writeFile(file(name), text);
  await contract('Reader', 'Library', { directory: file('contracts') })
    .uponReceiving('a returned book')
    .event(BookReturnedSchema, { bookId: 'b1' })
    .handledBy(() => undefined);
});
afterAll(() => files[Symbol.asyncDispose]());

const run = (...args: string[]): Promise<CommandOutput> => runUntil(never, [...args, ...descriptors]);

describe('a broker with users', () => {
  const password = 'p@ss:w0rd/%';

  it('is given the user and the password of its URL, with any letters, before those of the options', async () => {
    await using nats = await startSecuredNats(`authorization: { users: [{ user: "me", password: "${password}" }] }`);
    const url = `nats://me:${encodeURIComponent(password)}@${nats.address}`;
    const others = ['--nats-user', 'them', '--nats-password', 'other'];

    const published = await run('publish', type, '--data', '{}', '--nats', url, ...others);

    expect(published).toMatchObject({ exitCode: 0, errors: '' });
  });
});

const BROKERS: Readonly<Record<string, { config: () => string[]; right: () => string[]; wrong: () => string[] }>> = {
  'a broker with TLS': {
    config: () => [`tls: { cert_file: "${file('server.pem')}", key_file: "${file('server.key')}" }`],
    right: () => ['--nats-ca', file('ca.pem')],
    wrong: () => ['--nats-ca', file('server.pem')],
  },
  'a broker that asks for certificates': {
    config: () => [
      `tls: { cert_file: "${file('server.pem')}", key_file: "${file('server.key')}", ca_file: "${file('ca.pem')}", verify: true }`,
    ],
    right: () => ['--nats-ca', file('ca.pem'), '--nats-cert', file('client.pem'), '--nats-key', file('client.key')],
    wrong: () => ['--nats-ca', file('ca.pem')],
  },
  'a broker with a token': {
    config: () => ['authorization: { token: "t0ken" }'],
    right: () => ['--nats-token', 't0ken'],
    wrong: () => ['--nats-token', 's3cret'],
  },
  'a broker with an operator': {
    config: () => operator,
    right: () => ['--nats-creds', file('user.creds')],
    wrong: () => ['--nats-user', 'me', '--nats-password', 's3cret'],
  },
};

describe.each(Object.entries(BROKERS))('%s', (_, { config, right, wrong }) => {
  let nats: SecuredNats;
  beforeAll(async () => {
    nats = await startSecuredNats(...config());
  });
  afterAll(() => nats[Symbol.asyncDispose]());
  const broker = (options: () => string[]) => ['--nats', `nats://${nats.address}`, ...options()];

  it('takes events, gives them and verifies their contracts with the right options', async () => {
    const published: Promise<CommandOutput>[] = [];
    const publish = () =>
      published.push(run('publish', type, '--data', '{"bookId": "b1"}', '--no-cloud-events', ...broker(right)));
    const listening = ['listen', type, '--count', '1', '--seconds', '20', ...descriptors, ...broker(right)];

    // Its first line on standard error says that it listens.
    const heard = await runUntil(never, listening, { onError: publish });
    const verified = await run('verify-events', file('contracts'), '--timeout', '1', ...broker(right));

    expect((await Promise.all(published)).map(({ exitCode, errors }) => [exitCode, errors])).toEqual([[0, '']]);
    expect(JSON.parse(heard.out)).toMatchObject({ type, message: { bookId: 'b1' } });
    // Nothing was published for it, which is a finding; a broker that refuses would end it with 2.
    expect(verified).toMatchObject({ exitCode: 1, errors: '', out: expect.stringContaining('nothing was published') });
  });

  it('ends every command with exit code 2 and the option with the wrong ones, without their secrets', async () => {
    const outputs = [
      await run('publish', type, '--data', '{}', ...broker(wrong)),
      await run('listen', type, '--seconds', '1', ...broker(wrong)),
      await run('verify-events', file('contracts'), ...broker(wrong)),
    ];

    for (const { exitCode, out, errors } of outputs) {
      expect([exitCode, out]).toEqual([2, '']);
      expect(errors).toMatch(/^error: --nats: the broker cannot be reached: /);
      expect(errors).not.toMatch(/s3cret|nothing listens/);
    }
  });
});
