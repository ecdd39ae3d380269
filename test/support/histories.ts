// Random histories: the number of runs, the report and rerun of a failing one, and actors that take turns, so that the
// same history always runs the same way.
import fc from 'fast-check';
import { assert } from 'vitest';

const DEFAULT_SEED_LIMIT = 2 ** 31;

/** Returns the timeout of the histories: a share for each, and a fixed share for the setup. */
export function historyTimeoutMs(runs: number): number {
  return 60_000 + runs * 2_000;
}

/**
 * Returns the number of histories: HISTORY_RUNS, or `usual`.
 * @throws {Error} when HISTORY_RUNS is not a number.
 */
export function historyRuns(usual: number): number {
  const runs = readSetting('HISTORY_RUNS');
  return runs ?? usual;
}

/**
 * Runs a property over random histories. Fails with the smallest history found and the command that runs it again: HISTORY_SEED
 * and HISTORY_PATH replace the random choice.
 */
export async function checkHistories<History>(
  file: string,
  property: fc.IAsyncProperty<[History]>,
  runs: number,
): Promise<void> {
  const seed = readSetting('HISTORY_SEED') ?? Math.floor(Math.random() * DEFAULT_SEED_LIMIT);
  const path = process.env.HISTORY_PATH;
  const details = await fc.check(property, { seed, numRuns: runs, ...(path === undefined ? {} : { path }) });
  if (!details.failed) return;
  const again = `HISTORY_SEED=${details.seed} HISTORY_PATH=${details.counterexamplePath ?? '0'} make test FILE=${file}`;
  const cause = details.errorInstance;
  const words = [
    `after ${details.numRuns} histories and ${details.numShrinks} shorter ones, this one fails:`,
    fc.stringify(details.counterexample?.[0]),
    `because ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`,
    `Again: ${again}`,
  ].join('\n');
  // A violated invariant is a failed assertion; any other error is thrown as itself.
  if (cause instanceof Error && cause.name === 'AssertionError') assert.fail(words);
  throw new Error(words, { cause });
}

function readSetting(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  if (!/^-?\d{1,10}$/.test(text)) throw new Error(`${name}: ${text} is not a whole number`);
  return Number(text);
}

/** Runs work when it is the actor's turn. No other actor runs until this one requests its next turn or ends. */
export type Turn = <Result>(work: () => Promise<Result>) => Promise<Result>;

type Actor = {
  waiting: (() => void) | undefined;
  ended: boolean;
  /** Resolves when it waits for its next turn or has ended. */
  settled: PromiseWithResolvers<void>;
};

/** Runs actors in turns; each number chooses the next one among those waiting. Rejects with the first failure. */
export async function takeTurns(
  actors: readonly ((turn: Turn) => Promise<void>)[],
  nextChoice: () => number,
): Promise<void> {
  const cast = actors.map((play) => {
    const actor: Actor = { waiting: undefined, ended: false, settled: Promise.withResolvers() };
    const turn: Turn = async (work) => {
      const { promise: granted, resolve } = Promise.withResolvers<void>();
      actor.waiting = resolve;
      actor.settled.resolve();
      await granted;
      return await work();
    };
    const playing = play(turn).finally(() => {
      actor.ended = true;
      actor.settled.resolve();
    });
    return { actor, playing };
  });
  const all = Promise.all(cast.map(({ playing }) => playing));
  for (;;) {
    // A failure is thrown at the end: the other actors continue, as other processes would.
    await Promise.all(cast.map(({ actor }) => actor.settled.promise));
    const waiting = cast.filter(({ actor }) => !actor.ended && actor.waiting !== undefined);
    const chosen = waiting[nextChoice() % Math.max(1, waiting.length)]?.actor;
    if (chosen?.waiting === undefined) break;
    const grant = chosen.waiting;
    chosen.waiting = undefined;
    chosen.settled = Promise.withResolvers();
    grant();
  }
  await all;
}
