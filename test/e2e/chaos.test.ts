// The chaos runner on a real platform: one experiment that is upheld, and one whose fault has no effect, which has to fail.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { latency } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGuardedDirectory } from '#local/process/watchdog.ts';
import { inventoryDown } from '../chaos/experiments/inventory-down.ts';
import { injectOnLinks } from '../chaos/experiments/runner/faults.ts';
import { runAll } from '../chaos/experiments/runner/run-all.ts';
import { type Ended, runProgram } from '../support/stack.ts';

const MAIN = fileURLToPath(new URL('../chaos/experiments/main.ts', import.meta.url));

describe('make chaos', () => {
  describe('inventory-down', { tags: 'seed-8.3' }, () => {
    const resources = new AsyncDisposableStack();
    let folder: string;
    let ended: Ended;

    beforeAll(async () => {
      folder = resources.use(await createGuardedDirectory('touchstone-chaos-report')).path;
      ended = await runProgram(process.execPath, [MAIN, 'inventory-down', '--seed', '83', '--report', folder]);
    });
    afterAll(() => resources.disposeAsync());

    it('upholds the experiment, and ends with 0', () => {
      expect(ended.stdout).toContain('[1/1] inventory-down: UPHELD');
      expect(ended.exitCode).toBe(0);
    });

    it('writes a report of its findings', async () => {
      const report = await readFile(join(folder, 'report.md'), 'utf8');
      expect(report).toMatch(/✅ \| The first five orders are PENDING for INVENTORY_UNAVAILABLE \| 5 times PENDING/);
      expect(report).toMatch(/✅ \| Invariants at quiescence \| \d+ hold/);
      const { upheld, experiments } = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
      expect([upheld, experiments[0].verdict, experiments[0].section]).toEqual([true, 'upheld', '8.3']);
    });
  });

  it('fails when a fault has no effect, here because it is injected into an RPC that no client calls', async () => {
    await using folder = await createGuardedDirectory('touchstone-chaos-report');
    const rpc = 'shop.inventory.v1.InventoryService/ReserveStok';
    const ineffective = {
      ...inventoryDown,
      inject: async ({ subject }: Parameters<typeof inventoryDown.inject>[0]) =>
        injectOnLinks(subject, ['order>inventory'], [{ fault: latency({ delayMs: 5_000 }), options: { rpc } }]),
    };
    const lines: string[] = [];

    const passed = await runAll({
      experiments: [ineffective],
      seed: 83,
      folder: folder.path,
      write: (line) => lines.push(line),
      signal: new AbortController().signal,
    });

    expect(passed).toBe(false);
    expect(lines.join('\n')).toContain('[1/1] inventory-down: FAULT HAD NO EFFECT');
    const report = await readFile(join(folder.path, 'report.md'), 'utf8');
    expect(report).toContain('> the proxies affected nothing');
  });
});
