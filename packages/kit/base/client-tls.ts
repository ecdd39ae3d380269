// TLS to the services that the kit calls.

import type { ConnectionOptions } from 'node:tls';
import { assertKeyPair, readCertificate } from './key-pair.ts';

/** How a service with TLS is called. */
export type ClientTls = {
  /**
   * The authorities, in PEM, that may have signed the service's certificate. Default: those that Node trusts, with those of the environment
   * variable `NODE_EXTRA_CA_CERTS`.
   */
  readonly ca?: string | Buffer;
  /** Accepts every certificate, of any authority, name and time. Default `false`. */
  readonly insecure?: boolean;
  /** The certificate that is shown to the service, in PEM, with `key`. */
  readonly cert?: string | Buffer;
  /** The private key of `cert`, in PEM. */
  readonly key?: string | Buffer;
};

/**
 * Returns the options of Node's TLS client.
 *
 * @param name the option in errors, such as `upstreamTls`.
 * @throws {TypeError} naming the option and the reason.
 */
export function clientTlsOf(
  { ca, insecure = false, cert, key }: ClientTls,
  name: string,
): Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'> {
  if (ca !== undefined) readCertificate(ca, `${name}.ca`);
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError(cert === undefined ? `${name}.cert is required with key` : `${name}.key is required with cert`);
  }
  if (cert !== undefined && key !== undefined) {
    assertKeyPair({ cert, key }, { cert: `${name}.cert`, key: `${name}.key` });
  }
  return { ...(ca && { ca }), ...(cert && { cert, key }), ...(insecure && { rejectUnauthorized: false }) };
}
