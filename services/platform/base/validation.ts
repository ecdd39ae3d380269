// What a contract cannot say about a request: collects every violation before reporting, so that a caller can fix them all at once.
import { type FieldViolation, invalidArgument } from './errors.ts';

/** Collects violations. */
export type Validation = {
  /** Adds a violation. */
  add(field: string, description: string): void;
  /** The violations so far, in the order they were added. */
  violations(): readonly FieldViolation[];
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
  return {
    add(field, description) {
      violations.push({ field, description });
    },
    violations: () => violations,
    throwIfInvalid() {
      if (violations.length > 0) throw invalidArgument(violations);
    },
  };
}
