import { describe, expect, it } from 'vitest';
import { splitDatabaseUrl } from '#services/platform/base/database-url.ts';
import { parseSettings, postgresUrl } from '#services/platform/base/settings.ts';

describe('the address of a database', () => {
  it.each([
    ['postgres://order:secret@db:5432/shop', ['postgres://order:secret@db:5432/shop']],
    ['postgresql://db/shop?sslmode=verify-full', ['postgresql://db/shop?sslmode=verify-full']],
    [
      'postgres://order:a%2Cb@one:5432,two:5433,[::1]:5434/shop?target_session_attrs=read-write',
      [
        'postgres://order:a%2Cb@one:5432/shop',
        'postgres://order:a%2Cb@two:5433/shop',
        'postgres://order:a%2Cb@[::1]:5434/shop',
      ],
    ],
    [
      'postgres://order@one,two/shop?sslmode=verify-full&target_session_attrs=primary',
      ['postgres://order@one/shop?sslmode=verify-full', 'postgres://order@two/shop?sslmode=verify-full'],
    ],
    // A comma in a password is no list.
    ['postgres://order:a,b@db:5432/shop', ['postgres://order:a,b@db:5432/shop']],
  ])('%s is that of each of its servers', (text, servers) => {
    expect(splitDatabaseUrl(text)).toEqual(servers);
  });

  it.each([
    ['mysql://db/shop', 'be an address that starts with postgres:// or postgresql://'],
    ['postgres://order:secret@one:port/shop', 'be an address that starts with postgres:// or postgresql://'],
    ['postgres://order:secret@one:1,two:port/shop', 'be an address that starts with postgres:// or postgresql://'],
    [
      'postgres://order:secret@one,two/shop?target_session_attrs=standby',
      'name no other target_session_attrs than read-write',
    ],
  ])('%s is refused, by a setting that tells nothing of it', (text, fault) => {
    expect(splitDatabaseUrl(text)).toBeUndefined();
    const parse = () => parseSettings({ ORDER_DATABASE_URL: text }, { ORDER_DATABASE_URL: postgresUrl() });
    expect(parse).toThrow(`ORDER_DATABASE_URL must ${fault}`);
    expect(parse).not.toThrow('secret');
  });
});
