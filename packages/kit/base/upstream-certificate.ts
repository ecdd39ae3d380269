// The TLS of a service that the kit calls. It is tried once, before anything is started: otherwise each call would fail for a reason that has
// nothing to do with the call.

import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { type ClientTls, clientTlsOf } from './client-tls.ts';

/** The service could not be reached: names it, and says why. */
export class ProviderUnreachableError extends Error {}

// A server that refuses a client's certificate says so after the handshake. One that does not answer within this time accepts it.
const ANSWER_TIMEOUT_MS = 2000;

const PLAINTEXT = /^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|ERR_SSL_HTTP_REQUEST|EPROTO)$/;
// The alerts of a server that wants another certificate of its client, or one at all.
const REFUSED =
  /^ERR_SSL_\S*ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|UNSUPPORTED_CERTIFICATE|HANDSHAKE_FAILURE|ACCESS_DENIED)$/;
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO|CERT_UNTRUSTED|INVALID_CA/;
const TRUST_ADVICE =
  '; a private authority is trusted by the option "ca", or by the environment variable NODE_EXTRA_CA_CERTS';

/**
 * Checks that the service of an https URL speaks TLS, that its certificate is trusted and has the name of the URL, and that the service accepts
 * the client's. A service that cannot be reached for another reason passes, because the calls report that.
 *
 * @throws {ProviderUnreachableError} naming the address and the reason.
 * @throws {TypeError} An option of `tls` cannot be used.
 */
export async function assertTrusted(url: string, tls: ClientTls = {}, name = 'tls'): Promise<void> {
  const options = clientTlsOf(tls, name);
  if (new URL(url).protocol !== 'https:') return;
  const failure = await tryHandshake(url, options);
  const reason = failure && reasonOf(failure, tls.cert !== undefined);
  if (reason === undefined) return;
  throw new ProviderUnreachableError(`${addressOf(url)} cannot be reached ${reason}`, { cause: failure });
}

/**
 * Checks that the service of an http URL does not speak TLS.
 *
 * @throws {ProviderUnreachableError} It does: names the address.
 */
export async function assertPlaintext(url: string): Promise<void> {
  if (new URL(url).protocol !== 'http:') return;
  const failure = await tryHandshake(url, { rejectUnauthorized: false });
  // Only a server with TLS ends a handshake, or refuses it in TLS.
  if (failure !== undefined && !REFUSED.test(failure.code ?? '')) return;
  throw new ProviderUnreachableError(`${addressOf(url)} speaks TLS: its URL begins with https://`);
}

type HandshakeError = NodeJS.ErrnoException & {
  readonly isOfCertificate: boolean;
  readonly cert?: { readonly subjectaltname?: string };
};

/** Returns why no connection with TLS is possible; undefined if one is. */
async function tryHandshake(url: string, options: object): Promise<HandshakeError | undefined> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const { promise, resolve } = Promise.withResolvers<HandshakeError | undefined>();
  const socket = connect({
    host,
    port: Number(port === '' ? { 'https:': 443, 'http:': 80 }[protocol] : port),
    servername: isIP(host) ? '' : host,
    ALPNProtocols: ['h2', 'http/1.1'],
    ...options,
  });
  let isSecure = false;
  socket.setTimeout(ANSWER_TIMEOUT_MS, () =>
    resolve(isSecure ? undefined : Object.assign(new Error('no answer'), { isOfCertificate: false })),
  );
  socket.once('secureConnect', () => {
    isSecure = true;
    // An HTTP/2 server sends its settings at once, an HTTP/1.1 server answers.
    if (socket.alpnProtocol !== 'h2')
      socket.write(`OPTIONS * HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n\r\n`);
  });
  socket.once('data', () => resolve(undefined));
  socket.on('error', (error) => resolve(Object.assign(error, { isOfCertificate: Boolean(socket.authorizationError) })));
  socket.once('close', () =>
    resolve(isSecure ? undefined : Object.assign(new Error('closed'), { isOfCertificate: false })),
  );
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

function reasonOf(
  { code = '', message, isOfCertificate, cert }: HandshakeError,
  showsCertificate: boolean,
): string | undefined {
  if (PLAINTEXT.test(code)) return 'with TLS: it speaks plaintext, so its URL begins with http://';
  if (REFUSED.test(code)) {
    return showsCertificate
      ? 'because it does not accept the certificate of this client'
      : 'because it requires a certificate of its client';
  }
  // Without it, the error is none of the certificate.
  if (!isOfCertificate) return undefined;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `because its certificate is for ${cert?.subjectaltname ?? 'no name'}`;
  return `because of its certificate: ${message}${UNTRUSTED.test(code) ? TRUST_ADVICE : ''}`;
}

function addressOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port === '' ? { 'https:': 443, 'http:': 80 }[protocol] : port}`;
}
