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
    validation.add('customer_id', 'must not be empty');
    validation.add('items[1].product_id', 'is there twice');
  });

  expect(found).toEqual(['customer_id: must not be empty', 'items[1].product_id: is there twice']);
});

it('lets a request without faults pass', () => {
  expect(violationsOf(() => undefined)).toEqual([]);
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
