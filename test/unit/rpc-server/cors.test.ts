import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createCorsGate } from '#packages/rpc-server/cors.ts';

interface Asked {
  readonly method?: string;
  readonly origin?: string;
  readonly corsOrigins?: string[];
}

/** Sends one request through a gate and returns what the browser would get to see of it. */
function passGate({ method = 'POST', origin, corsOrigins }: Asked) {
  const headers = new Map<string, unknown>();
  let status: number | undefined;
  const response = {
    setHeader: (name: string, value: unknown) => headers.set(name, value),
    writeHead: (code: number) => {
      status = code;
    },
    end: () => undefined,
    once: () => undefined,
  };
  const request = {
    method,
    headers: { origin, ...(method === 'OPTIONS' && { 'access-control-request-method': 'POST' }) },
  };
  const gate = createCorsGate({
    corsOrigins,
    corsAllowedHeaders: ['traceparent'],
    corsExposedHeaders: ['server-timing'],
    onLimit: () => undefined,
  });
  const isAnswered = gate(request as never as IncomingMessage, response as never as ServerResponse);
  return { isAnswered, status, headers };
}

describe('the CORS gate', () => {
  it.each([
    { origin: 'http://localhost' },
    { origin: 'http://localhost:3000' },
    { origin: 'https://127.0.0.1:8443' },
    { origin: 'http://[::1]:8080' },
    { origin: 'https://shop.example', corsOrigins: ['https://shop.example'] },
    { origin: 'https://admin.example', corsOrigins: ['https://shop.example', 'https://admin.example'] },
    { origin: 'https://anyone.example', corsOrigins: ['*'] },
  ])('grants a preflight from $origin (configured: $corsOrigins)', (asked) => {
    const { isAnswered, status, headers } = passGate({ method: 'OPTIONS', ...asked });

    expect([isAnswered, status]).toEqual([true, 204]);
    expect(headers.get('access-control-allow-origin')).toBe(asked.origin);
    expect(headers.get('access-control-allow-methods')).toBe('POST, GET');
    expect(headers.get('access-control-allow-headers')).toMatch(
      /^Content-Type, Connect-Protocol-Version.*, traceparent$/,
    );
  });

  it.each([
    { origin: 'https://evil.example' },
    { origin: 'http://localhost.evil.example' },
    { origin: 'http://localhost:3000.evil.example' },
    { origin: 'evil+http://localhost:3000' },
    { origin: 'http://localhost:655360' },
    { origin: 'http://192.168.0.1' },
    { origin: 'null' },
    { origin: 'http://localhost:3000', corsOrigins: ['https://shop.example'] },
    { origin: 'http://shop.example', corsOrigins: ['https://shop.example'] },
    { origin: 'https://shop.example.evil.example', corsOrigins: ['https://shop.example'] },
    { origin: 'https://shop.example:8443', corsOrigins: ['https://shop.example'] },
    { origin: 'https://shop.exampl', corsOrigins: ['https://shop.example'] },
    { origin: 'https://shop', corsOrigins: ['https://shop.example', 'https://shop.example.com'] },
    { origin: 'http://localhost:3000', corsOrigins: [] },
  ])('refuses a preflight from $origin (configured: $corsOrigins)', (asked) => {
    const { isAnswered, status, headers } = passGate({ method: 'OPTIONS', ...asked });

    expect([isAnswered, status]).toEqual([true, 403]);
    expect([...headers.keys()]).toEqual(['vary']);
  });

  it('does not let scripts of any origin use credentials', () => {
    const create = () =>
      createCorsGate({
        corsOrigins: ['*'],
        corsCredentials: true,
        corsAllowedHeaders: [],
        corsExposedHeaders: [],
        onLimit: () => undefined,
      });

    expect(create).toThrow('corsCredentials: must not be combined with the origin "*"');
  });

  it('sets `vary` by origin, also without one', () => {
    expect(passGate({ method: 'OPTIONS', origin: 'http://localhost' }).headers.get('vary')).toBe(
      'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    );
    expect(passGate({}).headers.get('vary')).toBe('Origin');
  });

  it('marks a call for the scripts that may read it, and lets it pass like one without an origin', () => {
    const allowed = passGate({ origin: 'http://localhost:3000' });
    const plain = passGate({});

    expect([allowed.isAnswered, plain.isAnswered]).toEqual([false, false]);
    expect(allowed.headers.get('access-control-expose-headers')).toMatch(/Grpc-Status.*, server-timing$/i);
    expect([...plain.headers.keys()]).toEqual(['vary']);
  });

  it('refuses a call of another origin, which could do harm without reading the answer', () => {
    const { isAnswered, status, headers } = passGate({ origin: 'https://evil.example' });

    expect([isAnswered, status]).toEqual([true, 403]);
    expect([...headers.keys()]).toEqual(['vary']);
  });

  it('leaves an OPTIONS request that is no preflight to the handler of the path', () => {
    expect(passGate({ method: 'OPTIONS' }).isAnswered).toBe(false);
  });
});
