import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it, vi } from 'vitest';
import { unauthenticated } from '#services/platform/base/errors.ts';
import type { Caller } from '#services/platform/identity/caller.ts';
import { guardMetrics } from '#services/platform/server/metrics-access.ts';

async function scrape(remoteAddress: string, authorization?: string) {
  const handler = vi.fn();
  const response = { writeHead: vi.fn(), end: vi.fn() };
  const verifyToken = async (token: string): Promise<Caller> => {
    if (token === 'bad') throw unauthenticated('TOKEN_INVALID', 'no');
    return { kind: token as 'operator', id: 'x' };
  };
  const request = { socket: { remoteAddress }, headers: { authorization } };
  await guardMetrics(handler, verifyToken)(request as IncomingMessage, response as unknown as ServerResponse);
  return handler.mock.calls.length > 0 ? 'served' : response.writeHead.mock.calls[0]?.[0];
}

it.each([
  ['127.0.0.1', undefined, 'served'],
  ['::1', undefined, 'served'],
  ['::ffff:127.0.0.1', undefined, 'served'],
  ['10.0.0.9', undefined, 401],
  ['::ffff:10.0.0.9', undefined, 401],
  ['', undefined, 401],
  ['10.0.0.9', 'Bearer bad', 401],
  ['10.0.0.9', 'Basic operator', 401],
  ['10.0.0.9', 'Bearer customer', 403],
  ['10.0.0.9', 'Bearer service', 403],
  ['10.0.0.9', 'Bearer operator', 'served'],
  ['10.0.0.9', 'bearer monitor', 'served'],
])('a scrape from %j with %j is answered %s', async (address, authorization, expected) => {
  expect(await scrape(address, authorization)).toBe(expected);
});
