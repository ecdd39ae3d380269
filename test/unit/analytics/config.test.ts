import { expect, it } from 'vitest';
import { loadConfig } from '#services/analytics/config.ts';

it('the settings of analytics have defaults, and invalid ones are reported by name without their values', () => {
  const ANALYTICS_DATABASE_URL = 'postgres://analytics:hidden@127.0.0.1/analytics';

  expect(loadConfig({ ANALYTICS_DATABASE_URL })).toMatchObject({ port: 50_055, databaseUrl: ANALYTICS_DATABASE_URL });
  const load = () => loadConfig({ ANALYTICS_PORT: '70000', NATS_URL: 'hidden' });
  for (const name of ['ANALYTICS_PORT', 'NATS_URL', 'ANALYTICS_DATABASE_URL']) expect(load).toThrow(name);
  expect(load).not.toThrow(/hidden|70000/);
});
