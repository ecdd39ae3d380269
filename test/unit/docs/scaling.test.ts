// docs/scaling.md says for every table by what it is divided, and names no other.
import { globSync } from 'node:fs';
import { expect, it } from 'vitest';
import { REPOSITORY, readPage, sectionOf, tableRows } from './page.ts';

it('every table of a service is in the table of divisions', () => {
  const migrations = globSync('services/**/migrations/*.sql', { cwd: REPOSITORY });
  const created = migrations.flatMap((file) =>
    [...readPage(file).matchAll(/create table (?:if not exists )?([a-z_]+)/g)].map(([, table = '']) => table),
  );
  const rows = tableRows(sectionOf(readPage('docs/scaling.md'), 'What each table divides by'));
  // "its outbox and inbox": those of the order service, which the last row has for all.
  const named = rows.flatMap(([tables = '']) => tables.replace(/, its .*/, '').split(', '));

  expect(created.length).toBeGreaterThan(15);
  expect([...new Set(named)].toSorted()).toEqual([...new Set(created)].toSorted());
});
