// Validation of requests: collects every violation before reporting, so that a caller can fix them all at once.
import { decimalsOf } from './currencies.ts';
import { type FieldViolation, invalidArgument } from './errors.ts';
import type { Money } from './money.ts';
import { countCharacters, findNameFault, findTextFault } from './text.ts';

const MAX_ID_LENGTH = 128;
const MAX_INT32 = 2_147_483_647;

/** Collects violations; each check adds at most one violation for its field, but for `money`, which names the part at fault. */
export type Validation = {
  /** Adds a violation. */
  add(field: string, description: string): void;
  /**
   * An identifier of 1 to 128 characters, counted as Unicode code points: no control, invisible (zero-width) or bidirectional
   * characters, and no white space at either end. Nothing is trimmed or normalized, so two ids are equal only if their bytes are.
   */
  text(field: string, value: string): void;
  /** Empty text, or else as `text`. */
  optionalText(field: string, value: string): void;
  /** A name of 1 to `maxLength` characters, as `text`; joiners and variation selectors are allowed. */
  name(field: string, value: string, maxLength: number): void;
  /** A whole number from `minimum` to `maximum`, both included. */
  range(field: string, value: number, minimum: number, maximum?: number): void;
  /** An amount of at least `minimumMinorUnits` in a currency of ISO 4217. */
  money(field: string, value: Money | undefined, minimumMinorUnits: bigint): void;
  /** @throws {DomainError} `invalid_argument` INVALID_REQUEST with all violations, when there are any. */
  throwIfInvalid(): void;
};

/** Whether a text is a UUID, in the hyphenated form, as Postgres prints them. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text);
}

/** Starts an empty collection of violations. */
export function createValidation(): Validation {
  const violations: FieldViolation[] = [];
  const add = (field: string, description: string): void => {
    violations.push({ field, description });
  };
  const characters = (
    field: string,
    value: string,
    maxLength: number,
    findFault: (text: string) => string | undefined,
  ): void => {
    const length = countCharacters(value);
    const fault = length > 0 && length <= maxLength ? findFault(value) : undefined;
    if (length === 0) add(field, 'must not be empty');
    else if (length > maxLength) add(field, `must have at most ${maxLength} characters, has ${length}`);
    else if (fault !== undefined) add(field, fault);
  };
  const text = (field: string, value: string): void => characters(field, value, MAX_ID_LENGTH, findTextFault);
  return {
    add,
    text,
    optionalText(field, value) {
      if (value.length > 0) text(field, value);
    },
    name(field, value, maxLength) {
      characters(field, value, maxLength, findNameFault);
    },
    range(field, value, minimum, maximum = MAX_INT32) {
      if (value < minimum) add(field, `must be at least ${minimum}, is ${value}`);
      else if (value > maximum) add(field, `must be at most ${maximum}, is ${value}`);
    },
    money(field, value, minimumMinorUnits) {
      if (value === undefined) {
        add(field, 'must be set');
        return;
      }
      if (decimalsOf(value.currencyCode) === undefined) {
        add(`${field}.currency_code`, 'must be a currency of ISO 4217 in upper-case letters, like EUR');
      }
      if (value.minorUnits < minimumMinorUnits) {
        add(`${field}.minor_units`, `must be at least ${minimumMinorUnits}, is ${value.minorUnits}`);
      }
    },
    throwIfInvalid() {
      if (violations.length > 0) throw invalidArgument(violations);
    },
  };
}
