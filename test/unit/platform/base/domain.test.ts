// The platform takes every name of the business domain from services/domain.ts.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { eventSourceOf, streamOf, subjectsOf } from '#services/platform/base/domain.ts';

const PLATFORM = join(import.meta.dirname, '../../../../services/platform');
const OTHER = { domain: 'acme', correlation: 'invoice_id' };

it('streams, subjects and event sources derive from the domain', () => {
  expect(streamOf(OTHER, 'billing')).toBe('ACME_BILLING');
  expect(subjectsOf(OTHER, 'billing')).toBe('acme.billing.v1.>');
  expect(eventSourceOf(OTHER, 'billing')).toBe('/acme/billing');
});

it('the code of the platform names neither the domain nor its correlation id, except in imports of the neutral contracts', () => {
  const files = globSync('**/*.{ts,sql}', { cwd: PLATFORM });
  const named = files.flatMap((file) =>
    readFileSync(join(PLATFORM, file), 'utf8')
      .split('\n')
      .filter((line) => !/from '#gen\/shop\/(access|ops|common|rules)\//.test(line))
      .filter((line) => new RegExp(`${DOMAIN.domain}|${DOMAIN.correlation}`, 'i').test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );

  expect(files.length).toBeGreaterThan(40);
  expect(named).toEqual([]);
});
