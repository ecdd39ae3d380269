import { createRpcServer } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '#packages/rpc-server/options.ts';

const routes = () => undefined;

describe('the options of a server', () => {
  it.each([
    { options: { port: -1 }, fault: 'port must be a whole number from 0 to 65535, but is -1' },
    { options: { port: 1.5 }, fault: 'port must be' },
    { options: { maxRequestBytes: 0 }, fault: 'maxRequestBytes must be' },
    { options: { maxTimeoutMs: 2 ** 31 }, fault: 'maxTimeoutMs must be' },
    { options: { firstBytesTimeoutMs: Number.NaN }, fault: 'firstBytesTimeoutMs must be' },
    { options: { httpRoutes: { metrics: routes } }, fault: 'httpRoutes: the path "metrics" must start with "/"' },
    { options: { corsOrigins: ['https://shop.example/'] }, fault: 'corsOrigins: "https://shop.example/"' },
    { options: { corsOrigins: ['shop.example'] }, fault: 'corsOrigins: "shop.example"' },
  ])('are refused by name before a port is opened: $fault', ({ options, fault }) => {
    expect(() => createRpcServer({ routes, ...options })).toThrow(fault);
  });

  it('have the default where they are undefined', () => {
    const given = { routes, port: undefined, maxRequestBytes: undefined } as never;

    expect(resolveOptions(given)).toMatchObject({ port: 0, maxRequestBytes: 4_194_304, host: '127.0.0.1' });
  });
});
