// Tests that take minutes, or download packages, run only when they are asked for: `make test-slow`.

/** Whether they are skipped in this run. */
export const isSlowSkipped = process.env.SLOW_TESTS !== 'on';

/** Why. */
export const SLOW_SKIPPED = 'takes minutes or downloads packages: make test-slow runs it';
