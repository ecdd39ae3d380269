// How long a test waits for an effect that is certain to come.

/** The options of `vi.waitFor`; those of `expect.poll` are set in vitest.config.ts. Only a failing test waits this long. */
export const PATIENCE = { timeout: 20_000, interval: 20 };
