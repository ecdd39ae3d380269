// Which server of a database is tried next.
import { expect, it } from 'vitest';
import { createDatabaseServers } from '#services/platform/storage/database-servers.ts';

const [ONE, TWO, THREE] = ['one', 'two', 'three'].map((host) => `postgres://me@${host}:5432/shop`) as [
  string,
  string,
  string,
];

it('tries the servers in turn, and begins again after the last', () => {
  const servers = createDatabaseServers('postgres://me@one:5432,two:5432,three:5432/shop');

  const tried = Array.from({ length: 4 }, () => {
    const server = servers.current();
    servers.moveOnFrom(server);
    return server;
  });

  expect(tried).toEqual([ONE, TWO, THREE, ONE]);
  expect(servers.count).toBe(3);
});

it('moves on once when many calls fail at the same server', () => {
  const servers = createDatabaseServers('postgres://me@one:5432,two:5432/shop');

  for (let call = 0; call < 4; call += 1) servers.moveOnFrom(ONE);

  expect(servers.current()).toBe(TWO);
});

it('refuses what is no address of a database', () => {
  expect(() => createDatabaseServers('https://one/shop')).toThrow(TypeError);
});
