// How long a test waits for an effect that is certain to come.

/** The options of `vi.waitFor`; those of `expect.poll` are set in vitest.config.ts. Only a failing test waits this long. */
export const PATIENCE = { timeout: 20_000, interval: 20 };

/** How long a statement may take in tests whose subject is no slow database: a busy machine changes no answer. In milliseconds. */
export const PATIENT_DATABASE_MS = 15_000;

/** The same as a setting. An order that a killed replica has begun is resumed that much later. */
export const PATIENT_DATABASE = { DATABASE_TIMEOUT_MS: `${PATIENT_DATABASE_MS}` };
