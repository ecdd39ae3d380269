import { describe, expect, it } from 'vitest';
import { DomainError } from '#services/platform/base/errors.ts';
import { createValidation, isUuid, type Validation } from '#services/platform/base/validation.ts';

/** The violations a check leaves, each as `field: description`. */
function violationsOf(check: (validation: Validation) => void): string[] {
  const validation = createValidation();
  check(validation);
  try {
    validation.throwIfInvalid();
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    expect(error.kind).toBe('invalid_argument');
    return error.violations.map(({ field, description }) => `${field}: ${description}`);
  }
}

it('reports every fault of a request at once, in the order they were found', () => {
  const found = violationsOf((validation) => {
    validation.text('customer_id', '');
    validation.range('items[0].quantity', 0, 1);
    validation.add('items[1].product_id', 'is there twice');
  });

  expect(found).toEqual([
    'customer_id: must not be empty',
    'items[0].quantity: must be at least 1, is 0',
    'items[1].product_id: is there twice',
  ]);
});

it('lets a request without faults pass', () => {
  expect(violationsOf((validation) => validation.text('customer_id', 'cust123'))).toEqual([]);
});

describe('text', () => {
  it('may be as long as its limit and no longer', () => {
    expect(violationsOf((validation) => validation.text('id', 'x'.repeat(128)))).toEqual([]);
    expect(violationsOf((validation) => validation.text('id', 'x'.repeat(300)))).toEqual([
      'id: must have at most 128 characters, has 300',
    ]);
    expect(violationsOf((validation) => validation.name('name', 'abcd', 3))).toHaveLength(1);
  });

  it.each(['\u0000', '\n', '\u007f', '\u0085'])('may not hold a control character: %j', (character) => {
    expect(violationsOf((validation) => validation.text('id', `a${character}b`))).toEqual([
      'id: must not contain control characters',
    ]);
  });

  it('is counted in code points, so that 128 emoji are as long as 128 letters', () => {
    expect(violationsOf((validation) => validation.text('id', '🎁'.repeat(128)))).toEqual([]);
    expect(violationsOf((validation) => validation.text('id', '🎁'.repeat(129)))).toEqual([
      'id: must have at most 128 characters, has 129',
    ]);
  });

  it.each([
    ['a zero-width space', 'cust\u200b123'],
    ['a byte order mark', '\ufeffcust123'],
    ['a soft hyphen', 'cust\u00ad123'],
    ['a bidirectional override', 'cust\u202e321'],
    ['an isolate', 'cust\u2066123'],
    ['a blank letter', 'cust\u3164'],
    ['a line separator', 'cust\u2028123'],
    ['a joiner', 'cust\u200d123'],
  ])('may not hold %s, by which two ids would look the same', (_, value) => {
    expect(violationsOf((validation) => validation.text('id', value))).toEqual([
      'id: must not contain invisible or bidirectional characters',
    ]);
  });

  it.each([' ', '\u00a0', '\u3000', ' cust123', 'cust123 '])('is not blank at an end: %j', (value) => {
    expect(violationsOf((validation) => validation.text('id', value))).toEqual([
      'id: must not begin or end with white space',
    ]);
  });

  it('is not half a surrogate pair', () => {
    expect(violationsOf((validation) => validation.text('id', 'a\ud83d'))).toEqual(['id: must be well-formed Unicode']);
  });

  it('may be in any language', () => {
    expect(violationsOf((validation) => validation.text('name', 'Grüße 東京 🎁'))).toEqual([]);
  });

  it('is faulty once, however many faults it has', () => {
    expect(violationsOf((validation) => validation.text('id', '\n'.repeat(500)))).toHaveLength(1);
  });

  it('that is optional may be empty, and is checked when it is not', () => {
    expect(violationsOf((validation) => validation.optionalText('reason', ''))).toEqual([]);
    expect(violationsOf((validation) => validation.optionalText('reason', 'a\tb'))).toHaveLength(1);
    expect(violationsOf((validation) => validation.optionalText('reason', 'x'.repeat(129)))).toHaveLength(1);
  });
});

describe('a name', () => {
  it.each(['👩‍👩‍👧 family mug', '❤️', 'می\u200cخواهم'])(
    'may hold the joiners of its script and of emoji: %s',
    (name) => {
      expect(violationsOf((validation) => validation.name('name', name, 200))).toEqual([]);
    },
  );

  it.each([
    ['\u200d\ufe0f', 'must contain a visible character'],
    ['lamp\u202egnp', 'must not contain invisible or bidirectional characters'],
    [' lamp', 'must not begin or end with white space'],
    ['', 'must not be empty'],
  ])('of %j is refused', (name, fault) => {
    expect(violationsOf((validation) => validation.name('name', name, 200))).toEqual([`name: ${fault}`]);
  });
});

describe('a number', () => {
  it.each([1, 5_000, 10_000])('inside its range passes: %d', (value) => {
    expect(violationsOf((validation) => validation.range('quantity', value, 1, 10_000))).toEqual([]);
  });

  it.each([
    [0, 'quantity: must be at least 1, is 0'],
    [-7, 'quantity: must be at least 1, is -7'],
    [10_001, 'quantity: must be at most 10000, is 10001'],
  ])('outside its range is reported with the bound: %d', (value, violation) => {
    expect(violationsOf((validation) => validation.range('quantity', value, 1, 10_000))).toEqual([violation]);
  });

  it('without a maximum of its own may be what an int32 holds', () => {
    expect(violationsOf((validation) => validation.range('on_hand', 2_147_483_647, 0))).toEqual([]);
  });
});

describe('money', () => {
  it('must be set', () => {
    expect(violationsOf((validation) => validation.money('amount', undefined, 0n))).toEqual(['amount: must be set']);
  });

  it('must have a known currency and enough units, and both faults are reported', () => {
    const amount = { currencyCode: 'euro', minorUnits: -1n };

    expect(violationsOf((validation) => validation.money('amount', amount, 1n))).toEqual([
      'amount.currency_code: must be a currency of ISO 4217 in upper-case letters, like EUR',
      'amount.minor_units: must be at least 1, is -1',
    ]);
  });

  it.each(['', 'eur', 'EU', 'EURO', 'E1R', 'EUR\n', 'ZZZ', 'XXX', 'XAU'])('has no currency %j', (currencyCode) => {
    expect(violationsOf((validation) => validation.money('amount', { currencyCode, minorUnits: 1n }, 0n))).toHaveLength(
      1,
    );
  });

  it('of exactly the minimum passes', () => {
    expect(
      violationsOf((validation) => validation.money('amount', { currencyCode: 'EUR', minorUnits: 1n }, 1n)),
    ).toEqual([]);
  });
});

describe('a UUID', () => {
  const uuid = '0af76519-16cd-43dd-8448-eb211c80319c';

  it('may be in any letter case', () => {
    expect([uuid, uuid.toUpperCase()].map(isUuid)).toEqual([true, true]);
  });

  it.each(['', uuid.replaceAll('-', ''), uuid.slice(1), `${uuid}0`, `0${uuid}`, `${uuid}\n`, `{${uuid}}`])(
    'is all of the text: %j is none',
    (text) => {
      expect(isUuid(text)).toBe(false);
    },
  );
});
