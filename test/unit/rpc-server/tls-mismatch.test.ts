import { expect, it } from 'vitest';
import { findTlsMismatch } from '../../../packages/rpc-server/tls-mismatch.ts';

it.each([
  { what: 'HTTP/1.1 on a port with TLS', error: { code: 'ERR_SSL_HTTP_REQUEST' }, spoken: 'plaintext' },
  { what: 'HTTP/2 on a port with TLS', error: { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, spoken: 'plaintext' },
  { what: 'TLS on a port without', error: { rawPacket: Buffer.of(0x16, 3, 1) }, spoken: 'tls' },
  { what: 'a broken request', error: { code: 'HPE_INVALID_METHOD', rawPacket: Buffer.from('x') }, spoken: undefined },
  { what: 'a reset', error: { code: 'ECONNRESET' }, spoken: undefined },
])('tells $what by its error', ({ error, spoken }) => {
  expect(findTlsMismatch(Object.assign(new Error('failed'), error))).toBe(spoken);
});
