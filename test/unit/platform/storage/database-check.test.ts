import { expect, it } from 'vitest';
import { findShortage } from '#services/platform/storage/database-check.ts';

const demand = { available: 97, needed: 90, roleLimit: 30, neededByRole: 15 };

it.each([
  ['no limit is exceeded', demand, undefined],
  ['every connection is needed', { ...demand, needed: 97, neededByRole: 30 }, undefined],
  ['the role has no limit', { ...demand, roleLimit: -1, neededByRole: 90 }, undefined],
  [
    'all replicas together need more than the server has',
    { ...demand, needed: 105 },
    'the database server allows 97 connections, and 105 are needed: 15 by this replica and 90 by others. Raise its max_connections, or lower DATABASE_CONNECTIONS',
  ],
  [
    'the replicas of one role need more than it has',
    { ...demand, neededByRole: 45 },
    'the database role is allowed 30 connections, and its replicas need 45: 15 of them this one. Raise its CONNECTION LIMIT, or lower DATABASE_CONNECTIONS',
  ],
])('judges the connections of a server where %s', (_case, given, expected) => {
  expect(findShortage(15, given)).toBe(expected);
});
