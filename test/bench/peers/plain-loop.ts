// The plain loop: it runs one step after the other and tries a failed one again. It stores nothing: a crash between two steps leaves the
// order where it is.
import type { RunStep } from './order-steps.ts';

const ATTEMPTS = 3;

/** Tries a step up to three times. */
export const runPlainly: RunStep = async (_name, step) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
};
