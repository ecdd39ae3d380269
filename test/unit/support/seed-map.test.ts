// Which test proves which section, and what is missing.
import { describe, expect, it } from 'vitest';
import { SECTIONS, SEED_TAGS } from '../../support/seed-map/sections.ts';
import { buildSeedMap, drawSeedMap, findGaps, type TaggedTest } from '../../support/seed-map/seed-map.ts';

/** A passed test of every section. */
const COMPLETE: readonly TaggedTest[] = SEED_TAGS.map(({ name: tag }) => ({
  tags: [tag],
  name: `proves ${tag}`,
  file: 'test/e2e/a.test.ts',
  result: 'passed',
}));

const without = (...tags: string[]): TaggedTest[] =>
  COMPLETE.filter((test) => !test.tags.some((tag) => tags.includes(tag)));

describe('a seed map', () => {
  it('has a row for each of the twenty sections, in their order', () => {
    expect(buildSeedMap([]).map(({ section }) => section)).toEqual(
      '3.3 3.4 4.1 4.2 4.3 4.4 5.1 5.2 5.3 5.4 5.5 6.2 6.3 7.1 7.2 7.3 8.1 8.2 8.3 8.4'.split(' '),
    );
  });

  it('lists a test under every section it is tagged with, by file and name', () => {
    const test = { tags: ['seed-4.1'], result: 'passed' } as const;
    const both = { ...test, tags: ['seed-7.2', 'seed-4.1'], file: 'b', name: 'a' };

    const rows = buildSeedMap([both, { ...test, file: 'a', name: 'z' }, { ...test, file: 'a', name: 'b' }]);

    expect(rows.find(({ section }) => section === '4.1')?.tests.map(({ file, name }) => file + name)).toEqual([
      'ab',
      'az',
      'ba',
    ]);
    expect(rows.find(({ section }) => section === '7.2')?.tests).toEqual([both]);
  });

  it('has no gap when every section has a test that passed', () => {
    expect(findGaps(buildSeedMap(COMPLETE))).toEqual([]);
  });

  it('names each section without a test, and what it has to prove', () => {
    expect(findGaps(buildSeedMap(without('seed-3.3', 'seed-8.4')))).toEqual([
      `section 3.3 has no test; it has to prove: ${SECTIONS['3.3']}`,
      `section 8.4 has no test; it has to prove: ${SECTIONS['8.4']}`,
    ]);
  });

  it.each(['failed', 'skipped', 'pending'] as const)(
    'names a test that is %s, even beside one that passed',
    (result) => {
      const other: TaggedTest = { tags: ['seed-5.4'], name: 'leaves 98', file: 'test/e2e/b.test.ts', result };

      expect(findGaps(buildSeedMap([...COMPLETE, other]))).toEqual([
        `section 5.4: ${result}: test/e2e/b.test.ts > leaves 98`,
      ]);
    },
  );

  it('is drawn with a line for each test, which shows its result', () => {
    const failed: TaggedTest = { tags: ['seed-3.4'], name: 'verifies', file: 'test/b.test.ts', result: 'failed' };

    expect(
      drawSeedMap(buildSeedMap([...without('seed-3.4', 'seed-8.4'), failed]))
        .split('\n')
        .filter((line) => /section|3\.|8\.[34]/.test(line)),
    ).toEqual([
      '  section   result    file                 test',
      '  3.3       passed    test/e2e/a.test.ts   proves seed-3.3',
      '  3.4       FAILED    test/b.test.ts       verifies',
      '  8.3       passed    test/e2e/a.test.ts   proves seed-8.3',
      '  8.4       NO TEST',
    ]);
  });
});
