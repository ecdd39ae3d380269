// TLS of the RPC server: client certificates that are good and those that are not, and certificates that are renewed.
import { connect as connectHttp2 } from 'node:http2';
import https from 'node:https';
import { connect } from 'node:tls';
import { createContextValues } from '@connectrpc/connect';
import { findClientCertificate } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '#local/identity/certificate-authority.ts';
import { startEchoServer } from '../../support/echo/start-echo-server.ts';

const AUTHORITY = createAuthority('tests');
const OTHER_AUTHORITY = createAuthority('others');
const HOSTS = ['127.0.0.1', 'localhost'];
const SERVER = issueCertificate(AUTHORITY, { name: 'server', hosts: HOSTS });
const LONG_AGO = new Date('2020-01-01T00:00:00Z');

const CLIENTS = {
  good: issueCertificate(AUTHORITY, { name: 'good', uri: 'spiffe://test/good' }),
  'of another authority': issueCertificate(OTHER_AUTHORITY, { name: 'other', uri: 'spiffe://test/good' }),
  'self-signed': issueCertificate(undefined, { name: 'self', uri: 'spiffe://test/good' }),
  expired: issueCertificate(AUTHORITY, { name: 'expired', uri: 'spiffe://test/good', from: LONG_AGO, days: 1 }),
  none: undefined,
};
type ClientName = keyof typeof CLIENTS;

/** Starts a server that records the names in the certificate of each call. */
async function startServer(options: { readonly ca?: string } = { ca: AUTHORITY.cert }) {
  const seen: (string | undefined)[] = [];
  const echo = await startEchoServer({
    tls: { ...SERVER, ...options },
    contextValues: (request) => {
      seen.push(findClientCertificate(request)?.subjectaltname);
      return createContextValues();
    },
  });
  return { ...echo, seen, [Symbol.asyncDispose]: echo[Symbol.asyncDispose] };
}

const SAY = '/echo.v1.EchoService/Say';
const JSON_TYPE = { 'content-type': 'application/json' };

function sayOverHttp1(url: string, client: ClientName): Promise<number> {
  const options = { method: 'POST', headers: JSON_TYPE, ca: AUTHORITY.cert, agent: false, ...CLIENTS[client] };
  return new Promise((resolve, reject) => {
    const request = https.request(`${url}${SAY}`, options, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    request.once('error', reject).end('"hello"');
  });
}

async function sayOverHttp2(url: string, client: ClientName): Promise<number> {
  const session = connectHttp2(url, { ca: AUTHORITY.cert, ...CLIENTS[client] });
  try {
    return await new Promise((resolve, reject) => {
      session.once('error', reject);
      const stream = session.request({ ':method': 'POST', ':path': SAY, ...JSON_TYPE });
      stream.once('response', (headers) => resolve(Number(headers[':status'])));
      stream.once('error', reject).resume().end('"hello"');
    });
  } finally {
    session.destroy();
  }
}

describe.each([
  ['HTTP/1.1', sayOverHttp1],
  ['HTTP/2', sayOverHttp2],
])('over %s', (_, say) => {
  it('a good client certificate is found', async () => {
    await using server = await startServer();
    expect(await say(server.address.url, 'good')).toBe(200);
    expect(server.seen).toEqual(['URI:spiffe://test/good']);
  });

  it.each<ClientName>(['of another authority', 'self-signed', 'expired', 'none'])(
    'a client with a certificate that is %s is served without one',
    async (client) => {
      await using server = await startServer();
      expect(await say(server.address.url, client)).toBe(200);
      expect(server.seen).toEqual([undefined]);
    },
  );

  it('no certificate is asked for without authorities', async () => {
    await using server = await startServer({});
    expect(await say(server.address.url, 'good')).toBe(200);
    expect(server.seen).toEqual([undefined]);
  });
});

/** The serial number of the certificate that a server shows. */
async function serialOf(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', ca: AUTHORITY.cert, ALPNProtocols: ['http/1.1'] });
  try {
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return socket.getPeerCertificate().serialNumber;
  } finally {
    socket.destroy();
  }
}

describe('a renewed certificate', () => {
  it('is shown from the next connection on', async () => {
    await using server = await startServer();
    const before = await serialOf(server.address.port);
    server.server.renewTls({ ...issueCertificate(AUTHORITY, { name: 'renewed', hosts: HOSTS }), ca: AUTHORITY.cert });
    expect(await serialOf(server.address.port)).not.toBe(before);
  });

  it('whose key is another is refused, and the old one stays', async () => {
    await using server = await startServer();
    const before = await serialOf(server.address.port);
    const { cert } = issueCertificate(AUTHORITY, { name: 'renewed', hosts: HOSTS });
    expect(() => server.server.renewTls({ cert, key: SERVER.key })).toThrow(/key values mismatch/);
    expect(await serialOf(server.address.port)).toBe(before);
  });

  it('is refused by a server without TLS', async () => {
    await using echo = await startEchoServer();
    expect(() => echo.server.renewTls(SERVER)).toThrow('cleartext');
  });
});

it('versions of TLS before 1.2 are refused', async () => {
  await using server = await startServer();
  const socket = connect({
    port: server.address.port,
    host: '127.0.0.1',
    ca: AUTHORITY.cert,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
  });
  const error = await new Promise((resolve) => socket.once('secureConnect', resolve).once('error', resolve));
  socket.destroy();
  expect(String(error)).toMatch(/protocol|no ciphers|version/i);
});
