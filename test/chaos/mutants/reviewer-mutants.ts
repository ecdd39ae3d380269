// Mutants of somebody who wrote none of the tests they are to be caught by.
import type { Mutant } from './mutant.ts';

export const REVIEWER_MUTANTS: readonly Mutant[] = [];
