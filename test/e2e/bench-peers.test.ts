// `make bench-peers`: its exit codes, and, where the peers are installed, a short run of every system.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { PeerUnavailable, readPeerVersions } from '../bench/peers/peer-packages.ts';
import { ENGINES, SETTINGS } from '../bench/peers/systems.ts';
import { isSlowSkipped, SLOW_SKIPPED } from '../support/slow/slow-tests.ts';
import { runProgram } from '../support/stack.ts';

const PROGRAM = fileURLToPath(new URL('../bench/peers/main.ts', import.meta.url));
const SYSTEMS_LIMIT_MS = 300_000;
const ORDERS = 20;

it('ends with 2 and one line for an option that it does not know', async () => {
  const { exitCode, stdout, stderr } = await runProgram(process.execPath, [PROGRAM, '--only', 'temporal']);

  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: `--only: temporal is none of ${ENGINES.join(', ')}\n`,
  });
});

it.for(SETTINGS)(
  'places 20 orders with each system over %s, and loses none',
  { timeout: SYSTEMS_LIMIT_MS },
  async (setting, { skip }) => {
    skip(isSlowSkipped, SLOW_SKIPPED);
    skip(whyNoPeers() !== undefined, whyNoPeers());
    const folder = await mkdtemp(join(tmpdir(), 'bench-peers-'));
    try {
      const load = ['--callers', '4', '--orders', `${ORDERS}`, '--seconds', '60', '--warm-up', '0', '--rounds', '1'];
      const given = [...load, '--setting', setting, '--output', folder];
      const { exitCode, stderr } = await runProgram(process.execPath, [PROGRAM, ...given], {}, SYSTEMS_LIMIT_MS);

      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const { runs, ratios } = JSON.parse(await readFile(join(folder, 'peers.json'), 'utf8'));
      expect(runs.map(({ system }: { system: { engine: string } }) => system.engine)).toEqual([...ENGINES]);
      for (const { outcomes, perOrder, violations, durability } of runs) {
        expect({ outcomes, violations }).toEqual({ outcomes: { confirmed: ORDERS }, violations: [] });
        expect(durability).toEqual({ fsync: 'on', synchronousCommit: 'on' });
        expect(perOrder.cpuMs.postgres).toBeGreaterThan(0);
      }
      expect(ratios).toHaveLength(ENGINES.length - 1);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

function whyNoPeers(): string | undefined {
  try {
    readPeerVersions(ENGINES);
    return undefined;
  } catch (error) {
    if (error instanceof PeerUnavailable) return error.message;
    throw error;
  }
}
