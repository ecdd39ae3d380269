// TLS on the ports that the kit opens.

import type { RpcServerOptions } from '@touchstone/rpc-server';
import { assertKeyPair, type KeyPair } from './key-pair.ts';

/** Whether a server speaks TLS, and whom it tells of callers that do not speak what it does. */
export type ServerTls = {
  /** The certificate and the key of the server, in PEM. With them it speaks TLS, over HTTP/1.1 and HTTP/2. Default: plaintext. */
  readonly tls?: KeyPair;
  /** Called with each problem when it occurs, such as a caller that speaks plaintext to a port with TLS. */
  readonly onProblem?: (problem: string) => void;
};

/** What a caller spoke to a port that speaks the other. */
export type Spoken = Parameters<NonNullable<RpcServerOptions['onTlsMismatch']>>[0];

const PROBLEMS: Readonly<Record<Spoken, string>> = {
  plaintext: 'a caller spoke plaintext to this port, which speaks TLS: the URL to call begins with https://',
  tls: 'a caller spoke TLS to this port, which has no certificate: the URL to call begins with http://',
};

/**
 * Returns the options of an RPC server.
 *
 * @throws {TypeError} naming `tls.cert` or `tls.key` and the reason.
 */
export function serverTlsOf({ tls, onProblem }: ServerTls): Partial<RpcServerOptions> {
  if (tls) assertServerTls(tls);
  return { ...(tls && { tls: { cert: tls.cert, key: tls.key } }), onTlsMismatch: explainMismatch(onProblem) };
}

/** @throws {TypeError} naming `tls.cert` or `tls.key` and the reason. */
export function assertServerTls(tls: KeyPair): void {
  assertKeyPair(tls, { cert: 'tls.cert', key: 'tls.key' });
}

/** Returns a listener that explains each kind of mismatch once. */
export function explainMismatch(onProblem: (problem: string) => void = () => undefined): (spoken: Spoken) => void {
  const explained = new Set<Spoken>();
  return (spoken) => {
    if (explained.has(spoken)) return;
    explained.add(spoken);
    onProblem(PROBLEMS[spoken]);
  };
}
