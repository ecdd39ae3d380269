// The migration step with addresses that an operator got wrong: one line says which service's.
import { expect, it } from 'vitest';
import { runStep } from '../../local/programs.ts';

const SERVICES = ['ORDER', 'INVENTORY', 'PAYMENT', 'NOTIFICATION', 'ANALYTICS', 'MONITOR'];

it.each<[string, string, Record<string, string>, string]>([
  ['no server at the address', '', {}, 'connect ECONNREFUSED 127.0.0.1:1'],
  [
    'no file of the authority in the address',
    '?sslrootcert=/no/ca.pem',
    {},
    'by sslrootcert, sslcert, sslkey or TLS_CA_FILE: ENOENT',
  ],
  ['no file at TLS_CA_FILE', '?sslmode=verify-full', { TLS_CA_FILE: '/no/ca.pem' }, 'TLS_CA_FILE: ENOENT'],
])('with %s, fails and names the service and its settings, not the password', async (_, query, more, reason) => {
  const url = `postgres://owner:secret@127.0.0.1:1/shop${query}`;
  const addresses = SERVICES.flatMap((name) => [
    [`${name}_DATABASE_URL`, url],
    [`${name}_MIGRATION_DATABASE_URL`, url],
  ]);

  const { code, output } = await runStep('migration', { ...Object.fromEntries(addresses), ...more });

  expect(code).toBe(1);
  expect(output).toMatch(
    /^the databases are not all migrated: that of order \(ORDER_DATABASE_URL and ORDER_MIGRATION_DATABASE_URL\): .+\n$/,
  );
  expect(output).toContain(reason);
  expect(output).not.toContain('secret');
});
