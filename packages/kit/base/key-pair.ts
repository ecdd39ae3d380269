// Certificates and private keys, checked before anything is started: what OpenSSL says of a bad one names neither the option nor the cause.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** A certificate, with those between it and its authority, and its private key: both in PEM. */
export type KeyPair = {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
};

/** How the options of a certificate and its key are named in errors. */
export type KeyPairNames = { readonly cert: string; readonly key: string };

/**
 * Checks that a certificate is valid now, and that the key belongs to it.
 *
 * @throws {TypeError} naming the option and the reason. The message does not repeat the key.
 */
export function assertKeyPair({ cert, key }: KeyPair, names: KeyPairNames, now = Date.now()): void {
  const certificate = readCertificate(cert, names.cert);
  if (now > certificate.validToDate.getTime()) {
    throw new TypeError(`${names.cert}: the certificate expired on ${certificate.validToDate.toISOString()}`);
  }
  if (now < certificate.validFromDate.getTime()) {
    throw new TypeError(
      `${names.cert}: the certificate is not valid before ${certificate.validFromDate.toISOString()}`,
    );
  }
  if (!certificate.checkPrivateKey(readKey(key, names.key))) {
    throw new TypeError(`${names.key}: this is the key of another certificate`);
  }
}

/**
 * Checks that a text has a certificate in PEM.
 *
 * @throws {TypeError} naming the option.
 */
export function readCertificate(pem: string | Buffer, name: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new TypeError(`${name}: this is not a certificate in PEM`, { cause: error });
  }
}

function readKey(pem: string | Buffer, name: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const isEncrypted = String(pem).includes('ENCRYPTED');
    const reason = isEncrypted
      ? 'the key is encrypted; write it without a passphrase'
      : 'this is not a private key in PEM';
    throw new TypeError(`${name}: ${reason}`, { cause: error });
  }
}
