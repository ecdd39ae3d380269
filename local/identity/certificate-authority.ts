// A certificate authority for one machine: of the local stack with TLS=on, and of tests. Never for production.
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
// node-forge has numbers for the kinds of alternative names.
const DNS_NAME = 2;
const URI_NAME = 6;
const IP_NAME = 7;

/** PEM texts. */
export type Certified = { readonly cert: string; readonly key: string };

export type CertificateRequest = {
  /** The common name, for people. */
  readonly name: string;
  /** Host names and IP addresses that a server is called by. */
  readonly hosts?: readonly string[];
  /** Who the holder is, such as `spiffe://touchstone.local/order`. */
  readonly uri?: string;
  readonly days?: number;
  /** When it begins to be valid; default an hour ago, for clocks that differ. */
  readonly from?: Date;
};

/** Creates the key and the certificate of a new authority. */
export function createAuthority(name: string): Certified {
  const { privateKey, publicKey } = generateKeyPair();
  const certificate = createCertificate({ name, days: AUTHORITY_DAYS }, publicKey);
  certificate.setIssuer(certificate.subject.attributes);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  certificate.sign(privateKey, forge.md.sha256.create());
  return toPem(certificate, privateKey);
}

/** Issues a certificate with a new key, for servers and clients alike; self-signed without an authority. */
export function issueCertificate(authority: Certified | undefined, request: CertificateRequest): Certified {
  const { privateKey, publicKey } = generateKeyPair();
  const certificate = createCertificate(request, publicKey);
  const issuer = authority === undefined ? certificate : forge.pki.certificateFromPem(authority.cert);
  certificate.setIssuer(issuer.subject.attributes);
  const names = [
    ...(request.hosts ?? []).map((host) =>
      isIP(host) === 0 ? { type: DNS_NAME, value: host } : { type: IP_NAME, ip: host },
    ),
    ...(request.uri === undefined ? [] : [{ type: URI_NAME, value: request.uri }]),
  ];
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    ...(names.length === 0 ? [] : [{ name: 'subjectAltName', altNames: names }]),
  ]);
  const signingKey = authority === undefined ? privateKey : forge.pki.privateKeyFromPem(authority.key);
  certificate.sign(signingKey, forge.md.sha256.create());
  return toPem(certificate, privateKey);
}

/** Creates a certificate for servers on this machine that is its own authority. */
export function createSelfSignedCertificate(): Certified {
  return issueCertificate(undefined, { name: '127.0.0.1', hosts: ['127.0.0.1', 'localhost'] });
}

function createCertificate({ name, days = 90, from }: CertificateRequest, publicKey: forge.pki.rsa.PublicKey) {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  certificate.serialNumber = serialNumberOf(randomBytes(16));
  const start = from ?? new Date(Date.now() - 3_600_000);
  certificate.validity.notBefore = start;
  certificate.validity.notAfter = new Date(start.getTime() + days * DAY_MS);
  certificate.setSubject([{ name: 'commonName', value: name }]);
  return certificate;
}

/** A serial number in hexadecimal. Its first byte is neither zero, which OpenSSL takes for padding, nor that of a negative number. */
export function serialNumberOf(bytes: Uint8Array): string {
  const [first = 0, ...others] = bytes;
  return Buffer.from([(first & 0x3f) | 0x40, ...others]).toString('hex');
}

// Node makes the key: node-forge would take seconds.
function generateKeyPair() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return {
    privateKey: forge.pki.privateKeyFromPem(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()),
    publicKey: forge.pki.publicKeyFromPem(publicPem) as forge.pki.rsa.PublicKey,
  };
}

function toPem(certificate: forge.pki.Certificate, privateKey: forge.pki.PrivateKey): Certified {
  return { cert: forge.pki.certificateToPem(certificate), key: forge.pki.privateKeyToPem(privateKey) };
}
