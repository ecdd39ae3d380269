// Undoes what a test has stubbed or spied on as soon as it is over. Vitest does so before the next test only, and the files of a worker share
// a process: the set-up of the next file would run with the stubs of the last test of this one.
import { afterEach, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});
