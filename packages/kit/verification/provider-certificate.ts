// The certificate of a provider that speaks TLS. It is checked once, before any interaction: otherwise each of them would fail for a
// reason that has nothing to do with the contract.

import { isIP } from 'node:net';
import { connect } from 'node:tls';

/** The provider could not be reached: names it, and says why. */
export class ProviderUnreachableError extends Error {}

/**
 * Checks that the certificate of an https URL is trusted. A provider that cannot be reached for another reason passes, because the
 * calls report that.
 *
 * @param ca the authorities that are trusted, in PEM. Default: those that Node trusts.
 * @throws {ProviderUnreachableError} The certificate is not trusted: names the address and the reason.
 */
export async function assertTrusted(url: string, ca: string | Buffer | undefined): Promise<void> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'https:') return;
  const host = hostname.replace(/^\[|\]$/g, '');
  const address = `${hostname}:${port === '' ? 443 : port}`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({
    host,
    port: port === '' ? 443 : Number(port),
    servername: isIP(host) ? '' : host,
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(ca === undefined ? {} : { ca }),
  });
  socket.on('secureConnect', resolve);
  socket.on('close', () => resolve());
  socket.on('error', (error: Error) => {
    // Without it, the error is none of the certificate.
    if (!socket.authorizationError) return;
    const advice =
      'a private authority is trusted by the option "ca", or by the environment variable NODE_EXTRA_CA_CERTS';
    reject(
      new ProviderUnreachableError(
        `${address} cannot be reached because of its certificate: ${error.message}; ${advice}`,
        { cause: error },
      ),
    );
  });
  try {
    await promise;
  } finally {
    socket.destroy();
  }
}
