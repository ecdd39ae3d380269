import { X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { beforeAll, expect, it } from 'vitest';
import { createAuthority, serialNumberOf } from '#local/identity/certificate-authority.ts';

let pem: string;
let key: string;
beforeAll(() => ({ cert: pem, key } = createAuthority('test')));

it.each([
  ['zeros', new Uint8Array(16), /^4000/],
  ['a zero before a small byte', Uint8Array.from([0, 1, 2]), /^400102$/],
  ['the largest bytes', new Uint8Array(16).fill(0xff), /^7fff/],
])('a serial number of %s is one that OpenSSL reads', (_name, bytes, expected) => {
  const certificate = forge.pki.certificateFromPem(pem);
  certificate.serialNumber = serialNumberOf(bytes);
  certificate.sign(forge.pki.privateKeyFromPem(key), forge.md.sha256.create());

  expect(new X509Certificate(forge.pki.certificateToPem(certificate)).serialNumber.toLowerCase()).toMatch(expected);
});
