// The table of a verification: a row for each interaction, a column for each way, and each failure printed once.
import { describe, expect, it } from 'vitest';
import { type Check, createVerification } from '../../../../packages/kit/verification/verification.ts';

const passed = (wire: string): Check => ({ wire, differences: [], fault: undefined });
const failed = (wire: string, actual: string): Check => ({
  wire,
  differences: [{ path: 'book.copies', expected: '3', actual }],
  fault: undefined,
});

function verificationOf(...checks: Check[]) {
  return createVerification([
    { consumer: 'Reader', provider: 'Library', title: 'a question', digest: 'd1', checks },
    { consumer: 'Clerk', provider: 'Library', title: 'a talk', digest: 'd2', checks: [passed('gRPC')] },
  ]);
}

describe('a verification', () => {
  it('is honoured when every check passed', () => {
    const verification = verificationOf(passed('JSON'), passed('gRPC'));

    expect(verification.isHonoured).toBe(true);
    expect(verification.toString()).toBe(
      ['consumer  interaction  JSON  gRPC', 'Reader    a question   ok    ok', 'Clerk     a talk       -     ok'].join(
        '\n',
      ),
    );
    expect(() => verification.assertHonoured()).not.toThrow();
  });

  it('prints a failure of all wires once', () => {
    const verification = verificationOf(failed('JSON', '2'), failed('gRPC', '2'));

    expect(verification.toString().split('\n').slice(1)).toEqual([
      'Reader    a question   FAILED  FAILED',
      'Clerk     a talk       -       ok',
      '',
      'Library does not honour "a question" of Reader',
      '  in all 2 ways:',
      '    book.copies',
      '      expected 3',
      '      actual   2',
    ]);
    expect(() => verification.assertHonoured()).toThrow('does not honour');
  });

  it('prints different failures separately, and a fault by its message', () => {
    const verification = verificationOf(failed('JSON', '2'), { ...passed('gRPC'), fault: 'state "open": broken' });
    const text = verification.toString();

    expect(text).toContain('  in JSON:\n    book.copies');
    expect(text).toContain('  in gRPC:\n    state "open": broken');
  });
});
