// The mutants against the code they change and the tests they name, without running any of them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findStaleMutants, type Mutant } from '../../chaos/mutants/mutant.ts';
import { MUTANTS } from '../../chaos/mutants/mutants.ts';
import { REVIEWER_MUTANTS } from '../../chaos/mutants/reviewer-mutants.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const read = async (path: string): Promise<string | undefined> =>
  existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : undefined;

const mutant: Mutant = {
  name: 'let a verdict change',
  file: 'services/order/order.ts',
  search: 'throw',
  replacement: 'return',
  caughtBy: [{ file: 'order.test.ts', name: "keeps the customer's order" }],
};

describe('the mutants', () => {
  it('fit the code: each search text occurs once, and each named test exists', async () => {
    expect(await findStaleMutants([...MUTANTS, ...REVIEWER_MUTANTS], read)).toEqual([]);
  });
});

describe('a stale mutant', () => {
  it('is reported with every reason at once', async () => {
    const files: Readonly<Record<string, string>> = {
      'services/order/order.ts': 'throw; throw;',
      'order.test.ts': 'it()',
    };

    const problems = await findStaleMutants(
      [mutant, { ...mutant, name: 'other', file: 'gone.ts' }],
      async (path) => files[path],
    );

    expect(problems).toEqual([
      'let a verdict change: services/order/order.ts: its search text occurs 2 times',
      'let a verdict change: order.test.ts has no test "keeps the customer\'s order"',
      'other: gone.ts: the file does not exist',
      'other: order.test.ts has no test "keeps the customer\'s order"',
    ]);
  });

  it('does not include one whose test title is quoted otherwise, or stands in a table', async () => {
    const code = { 'services/order/order.ts': 'throw' };
    for (const source of ["it('keeps the customer\\'s order, %s')", '["keeps the customer\'s order"]']) {
      const files: Readonly<Record<string, string>> = { ...code, 'order.test.ts': source };

      expect(await findStaleMutants([mutant], async (path) => files[path])).toEqual([]);
    }
  });
});
