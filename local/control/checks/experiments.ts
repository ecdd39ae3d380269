// The chaos experiments, started one at a time by the program behind `make chaos`, each on a platform of its own beside this one.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { failedPrecondition, notFound, unavailable } from '../../../services/platform/base/errors.ts';
import { STOP_GRACE_MS, type StartProgram } from './program.ts';

const PROGRAM = 'test/chaos/experiments/main.ts';
const LIST_LIMIT_MS = 30_000;
const RUN_LIMIT_MS = 10 * 60_000;
const MOST_LINES = 60;

export type Experiment = { readonly name: string; readonly title: string };
export type ExperimentRun = {
  readonly experiment: string;
  readonly running: boolean;
  /** Empty while it runs, and when it ended without one. */
  readonly verdict: string;
  readonly start: Date;
  readonly end: Date | undefined;
  readonly lines: readonly string[];
};

export type Experiments = AsyncDisposable & {
  /** @throws {DomainError} `unavailable` when the program does not list them. */
  list(): Promise<readonly Experiment[]>;
  /** The run that was started last. */
  latest(): ExperimentRun | undefined;
  /** @throws {DomainError} `not_found` for an unknown name, `failed_precondition` while one runs. */
  start(name: string): Promise<ExperimentRun>;
  /** Ends the running one; resolves when it has removed its platform. */
  stop(): Promise<void>;
};

const report = z.object({ experiments: z.array(z.object({ verdict: z.string() })) });

/** `folder` is for the reports of the runs. */
export function createExperiments(
  startProgram: StartProgram,
  folder: string,
  now: () => Date = () => new Date(),
): Experiments {
  let listed: Promise<readonly Experiment[]> | undefined;
  let latest: ExperimentRun | undefined;
  let current: { stop(): Promise<void> } | undefined;

  const list = () => {
    listed ??= readList(startProgram).catch((error: unknown) => {
      listed = undefined;
      throw error;
    });
    return listed;
  };
  const begin = (name: string): ExperimentRun => {
    const started: ExperimentRun = {
      ...{ experiment: name, running: true, verdict: '', lines: [] },
      start: now(),
      end: undefined,
    };
    latest = started;
    const change = (change: Partial<ExperimentRun>) => {
      latest = { ...(latest ?? started), ...change };
    };
    const run = startProgram({
      file: PROGRAM,
      arguments: [name, '--report', join(folder, name)],
      limitMs: RUN_LIMIT_MS,
      log: (line) => change({ lines: [...(latest?.lines ?? []), line].slice(-MOST_LINES) }),
    });
    const ended = run.ended.then(async ({ code }) => {
      // Only a run that went to its end has a verdict: an older report may be left in the folder.
      const verdict = code === 0 || code === 1 ? await readVerdict(join(folder, name, 'report.json')) : '';
      change({ running: false, verdict, end: now() });
      current = undefined;
    });
    current = {
      stop: async () => {
        await run.stop(STOP_GRACE_MS);
        await ended;
      },
    };
    return started;
  };
  return {
    list,
    latest: () => latest,
    start: async (name) => {
      if (!(await list()).some((experiment) => experiment.name === name))
        throw notFound('EXPERIMENT_UNKNOWN', 'there is no experiment of that name');
      if (current !== undefined)
        throw failedPrecondition('EXPERIMENT_RUNNING', `${latest?.experiment} still runs: stop it first`);
      return begin(name);
    },
    stop: async () => current?.stop(),
    [Symbol.asyncDispose]: async () => current?.stop(),
  };
}

/** Each line is a name, spaces, and what the experiment breaks. */
async function readList(startProgram: StartProgram): Promise<readonly Experiment[]> {
  const lines: string[] = [];
  const run = startProgram({
    file: PROGRAM,
    arguments: ['--list'],
    limitMs: LIST_LIMIT_MS,
    log: (line) => lines.push(line),
  });
  const { code } = await run.ended;
  const found = lines.flatMap((line): Experiment[] => {
    const [, name, title] = /^([a-z][a-z0-9-]*) {2,}(\S.*)$/.exec(line) ?? [];
    return name === undefined || title === undefined ? [] : [{ name, title }];
  });
  if (code === 0 && found.length > 0) return found;
  throw unavailable({ reason: 'NOT_LISTED', message: `the experiments cannot be listed: ${lines[0] ?? 'no answer'}` });
}

async function readVerdict(path: string): Promise<string> {
  try {
    return report.parse(JSON.parse(await readFile(path, 'utf8'))).experiments[0]?.verdict ?? '';
  } catch {
    // It ended before it wrote one.
    return '';
  }
}
