import { describe, expect, it } from 'vitest';
import { createPublishBackoff } from '#services/platform/messaging/publish-backoff.ts';

function createRows() {
  let time = 0;
  const rows = createPublishBackoff(() => time);
  return {
    rows,
    fail: (...ids: string[]) => rows.onFailed(ids),
    pass: (milliseconds: number) => {
      time += milliseconds;
    },
  };
}

describe('a row that could not be published', () => {
  it('is skipped from its second failure on, for two seconds', () => {
    const { rows, fail, pass } = createRows();
    fail('a', 'b');
    expect(rows.list()).toEqual([]);
    fail('a');
    expect(rows.list()).toEqual(['a']);
    pass(1_999);
    expect(rows.list()).toEqual(['a']);
    pass(1);
    expect(rows.list()).toEqual([]);
  });

  it('is skipped again after every further failure', () => {
    const { rows, fail, pass } = createRows();
    fail('a');
    fail('a');
    pass(2_000);
    fail('a');
    expect(rows.list()).toEqual(['a']);
  });

  it('starts from zero once it was published, or did not fail for long', () => {
    const { rows, fail, pass } = createRows();
    fail('a');
    rows.onPublished(['a']);
    fail('a');
    expect(rows.list()).toEqual([]);
    pass(60_001);
    rows.list();
    fail('a');
    expect(rows.list()).toEqual([]);
  });
});

it('remembers at most a thousand rows', () => {
  const { rows, fail } = createRows();
  const ids = Array.from({ length: 1_500 }, (_, index) => `row-${index}`);
  fail(...ids);
  fail(...ids);
  expect(rows.list()).toHaveLength(1_000);
});
