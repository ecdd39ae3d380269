import { expect, it } from 'vitest';
import { describeViolations, limitError } from '#services/platform/base/error-limits.ts';

const violations = (count: number, description = 'must have at most 128 characters, has 129') =>
  Array.from({ length: count }, (_, index) => ({ field: `items[${index}].product_id`, description }));

it('sends an error that fits as it is', () => {
  const error = { message: 'no such order', violations: violations(2), metadata: { order_id: 'ord1' } };

  expect(limitError(error)).toEqual(error);
});

it('leaves out the last violations, and says how many', () => {
  const all = violations(100);

  const sent = limitError({ message: '', violations: all, metadata: {} });

  expect(sent.violations.length).toBeGreaterThan(20);
  expect(sent.violations).toEqual(all.slice(0, sent.violations.length));
  expect(sent.metadata).toEqual({ omitted_violations: String(100 - sent.violations.length) });
});

it('cuts a message by its size in a header, where other characters than ASCII take three times their bytes', () => {
  const sizeOf = (message: string) =>
    encodeURIComponent(limitError({ message, violations: [], metadata: {} }).message).length;

  expect([sizeOf('x'.repeat(900)), sizeOf('店'.repeat(110))]).toEqual([900, 990]);
  expect(sizeOf('x'.repeat(200_000))).toBeLessThanOrEqual(1_010);
  expect(sizeOf('店'.repeat(200_000))).toBeLessThanOrEqual(1_010);
  expect(sizeOf('店'.repeat(200_000))).toBeGreaterThan(800);
});

it('leaves out metadata that do not fit, each as a whole', () => {
  const metadata = { order_id: 'ord1', shortages: 'x'.repeat(2_000), shortage_count: '7' };

  expect(limitError({ message: '', violations: [], metadata }).metadata).toEqual({
    order_id: 'ord1',
    shortage_count: '7',
  });
});

it('cuts a description that is too long, and removes what cannot be shown', () => {
  const long = { field: 'name', description: `must not be ${'x'.repeat(300)}` };

  const [cut, cleaned] = limitError({
    message: '',
    violations: [long, { field: 'name', description: 'is \u0000' }],
    metadata: {},
  }).violations;

  expect(cut?.description).toHaveLength(200);
  expect(cleaned?.description).toBe('is \ufffd');
});

it('describes violations by the first ones and the number of the others', () => {
  expect(describeViolations(violations(1, 'is short'))).toBe('items[0].product_id: is short');
  expect(describeViolations(violations(100))).toMatch(/^items\[0\]\.product_id: must .*; and \d+ more$/);
  expect(describeViolations([{ field: '店'.repeat(200), description: 'is bad' }])).toBe('1 violations');
});
