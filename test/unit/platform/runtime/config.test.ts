import { describe, expect, it } from 'vitest';
import { withAuthority } from '#services/platform/runtime/config.ts';

const AUTHORITY = '/etc/tls/our ca.pem';
const ADDED = '&sslrootcert=%2Fetc%2Ftls%2Four%20ca.pem';
const VERIFIED = 'postgres://order@db/shop?sslmode=verify-full';

describe('the url of a database', () => {
  it.each([
    VERIFIED,
    'postgres://order@db/shop?sslmode=verify-ca',
    'postgres://order@one:5432,two:5433/shop?sslmode=verify-full',
  ])('that must be verified, %s, names our authority', (url) => {
    expect(withAuthority(url, AUTHORITY)).toBe(`${url}${ADDED}`);
  });

  it.each([
    ['names another authority', `${VERIFIED}&sslrootcert=/its/ca.pem`],
    ['trusts any certificate', 'postgres://order@db/shop?sslmode=require'],
    ['asks for no TLS', 'postgres://order@db/shop'],
  ])('that %s stays as it is', (_, url) => {
    expect(withAuthority(url, AUTHORITY)).toBe(url);
  });

  it('stays as it is where there is no authority of our own', () => {
    expect(withAuthority(VERIFIED, undefined)).toBe(VERIFIED);
  });
});
