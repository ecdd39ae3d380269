import { describe, expect, it } from 'vitest';
import { startEchoServer } from '../../support/echo/start-echo-server.ts';

function preflight(url: string, origin: string) {
  return fetch(`${url}/echo.v1.EchoService/Say`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,connect-protocol-version',
    },
  });
}

describe('a browser', () => {
  it('is granted a preflight for a local origin and refused one for another', async () => {
    await using echo = await startEchoServer();

    const granted = await preflight(echo.address.url, 'http://localhost:3000');
    const refused = await preflight(echo.address.url, 'https://evil.example');

    expect([granted.status, refused.status]).toEqual([204, 403]);
    expect(granted.headers.get('access-control-allow-origin')).toBe('http://localhost:3000');
    expect(granted.headers.get('access-control-allow-headers')).toContain('Connect-Protocol-Version');
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    expect(refused.headers.get('vary')).toContain('Origin');
  });

  it('may read the answers to its calls, errors and unknown paths included', async () => {
    await using echo = await startEchoServer({ corsOrigins: ['https://shop.example'] });
    const post = (rpc: string, body: string) =>
      fetch(`${echo.address.url}/echo.v1.EchoService/${rpc}`, {
        method: 'POST',
        headers: { origin: 'https://shop.example', 'content-type': 'application/json' },
        body,
      });

    const responses = [await post('Say', '"hello"'), await post('Say', '{'), await post('Shout', '""')];

    expect(responses.map(({ status }) => status)).toEqual([200, 400, 404]);
    expect(responses.map(({ headers }) => headers.get('access-control-allow-origin'))).toEqual(
      responses.map(() => 'https://shop.example'),
    );
  });
});
