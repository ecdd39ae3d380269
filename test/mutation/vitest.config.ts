// The configuration of vitest for `make mutation`: the unit tests of one group. What a mutant does not need is left out, because it
// would be loaded for each: the guard against sockets and file writes, the reports, the database.
import { defineConfig } from 'vitest/config';
import { PATIENCE } from '../support/patience.ts';
import { SEED_TAGS } from '../support/seed-map/sections.ts';
import { TESTS_VARIABLE } from './groups.ts';
import { endKeptThread, KEPT_THREAD } from './kept-thread.ts';

export default defineConfig({
  plugins: [
    {
      name: 'kept-thread',
      // Stryker's runner chooses the pool; this hook runs after it.
      configureVitest: ({ project, vitest }) => {
        project.config.pool = KEPT_THREAD.name;
        project.config.poolRunner = KEPT_THREAD;
        vitest.onClose(endKeptThread);
      },
    },
  ],
  ssr: { resolve: { conditions: ['@touchstone/source'] } },
  test: {
    name: 'unit',
    include: JSON.parse(process.env[TESTS_VARIABLE] ?? '[]'),
    reporters: [{}],
    tags: SEED_TAGS,
    expect: { poll: PATIENCE },
    testTimeout: 5_000,
    hookTimeout: 5_000,
    restoreMocks: true,
    unstubGlobals: true,
    unstubEnvs: true,
  },
});
