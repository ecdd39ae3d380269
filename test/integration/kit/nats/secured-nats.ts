// A nats-server that asks its clients for something: a certificate, a token, or credentials as nsc writes them.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from 'nats';
import { findNatsServer } from '#local/nats/nats-server.ts';

export type SecuredNats = AsyncDisposable & {
  /** `127.0.0.1` and its port. */
  readonly address: string;
};

/** Starts a server on a free port with these lines of configuration. */
export async function startSecuredNats(...config: string[]): Promise<SecuredNats> {
  const folder = await mkdtemp(join(tmpdir(), 'kit-nats-'));
  const file = join(folder, 'nats.conf');
  await writeFile(file, ['host: 127.0.0.1', 'port: -1', ...config].join('\n'));
  const child = spawn(await findNatsServer(), ['--config', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true });
  };
  try {
    return { address: await addressOf(child), [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Reads the address from the log, and waits until the server is ready. */
function addressOf(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let log = '';
  // The log is read to its end: a server that cannot write it any more ends.
  child.stderr?.on('data', (chunk: Buffer) => {
    log += String(chunk);
    const [, address] = /Listening for client connections on (\S+)/.exec(log) ?? [];
    if (address !== undefined && log.includes('Server is ready')) resolve(address);
  });
  child.once('exit', () => reject(new Error(`nats-server ended: ${log}`)));
  return promise;
}

/** The configuration of a server that knows one account, and a file of credentials of its user. */
export function createCredentials(): { readonly config: string[]; readonly credentials: string } {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const permissions = { pub: {}, sub: {} };
  const operatorToken = sign(operator, operator, 'operator', {});
  const accountToken = sign(operator, account, 'account', {
    limits: { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
    default_permissions: permissions,
  });
  const userToken = sign(account, user, 'user', { ...unlimited, ...permissions });
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    config: [
      `operator: ${operatorToken}`,
      'resolver: MEMORY',
      `resolver_preload: { ${account.getPublicKey()}: ${accountToken} }`,
    ],
    credentials: [
      ...['-----BEGIN NATS USER JWT-----', userToken, '------END NATS USER JWT------', ''],
      ...['-----BEGIN USER NKEY SEED-----', seed, '------END USER NKEY SEED------', ''],
    ].join('\n'),
  };
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** A JWT in the form of NATS. */
function sign(issuer: KeyPair, subject: KeyPair, type: string, claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const payload = {
    ...{ jti: type, iat: 1_750_000_000, iss: issuer.getPublicKey(), name: type, sub: subject.getPublicKey() },
    nats: { ...claims, type, version: 2 },
  };
  const signed = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(payload)}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}
