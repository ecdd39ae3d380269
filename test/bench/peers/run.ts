// A run of the comparison: in each round, every system is started alone, measured under each load, and stopped.
import { type Durability, readDurability } from '../orders/database-counters.ts';
import { describeLoad, type Load, type RunFigures } from '../orders/figures.ts';
import { Meter } from '../orders/measure.ts';
import type { PeerSettings } from './settings.ts';
import { startSystem } from './start-system.ts';
import { describeSystem, listSystems, orderOfRound, type System } from './systems.ts';

export type PeerRun = RunFigures & {
  readonly system: System;
  /** From 1. */
  readonly round: number;
  /** What is wrong with the orders it acknowledged; empty when nothing is. */
  readonly violations: readonly string[];
  /** Of its database server. */
  readonly durability: Durability;
};

/** Runs the comparison; `write` receives a line for each step. Rejects when `signal` aborts. */
export async function runPeers(
  settings: PeerSettings,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<PeerRun[]> {
  const systems = listSystems(settings.engines, settings.settings);
  const runs: PeerRun[] = [];
  for (let round = 1; round <= settings.rounds; round += 1) {
    for (const system of orderOfRound(systems, round)) {
      write(`round ${round} of ${settings.rounds}, ${describeSystem(system)}: starting`);
      await using started = await startSystem(system, signal);
      const durability = await readDurability(started);
      const meter = new Meter(started, { ...settings, waitsWhenRefused: false }, signal);
      await meter.warmUp();
      for (const callers of settings.callers) {
        const load: Load = { kind: 'closed', callers };
        const { figures, violations } = await meter.measure(load);
        runs.push({ system, round, ...figures, violations, durability });
        write(
          `${describeLoad(load)}: ${figures.ordersPerSecond.toFixed(0)} orders/s, p50 ${figures.p50Ms.toFixed(1)} ms`,
        );
      }
    }
  }
  return runs;
}
