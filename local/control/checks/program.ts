// Programs of this repository that the control port runs: bounded in time, and ended with it.
import { fileURLToPath } from 'node:url';
import { launchProgram, type ProcessRun } from '../../process/process-run.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export type Program = {
  /** From the root of the repository. */
  readonly file: string;
  readonly arguments: readonly string[];
  /** After so long it is killed, with what it started. */
  readonly limitMs: number;
  readonly environment?: Readonly<Record<string, string>>;
  log(line: string): void;
};

/** Starts a program. */
export type StartProgram = (program: Program) => Pick<ProcessRun, 'ended' | 'stop'>;

/** How long a program may take to remove what it started. */
export const STOP_GRACE_MS = 20_000;

export const startProgram: StartProgram = ({ file, arguments: words, limitMs, environment, log }) => {
  const { PATH = '', HOME = '' } = process.env;
  const run = launchProgram({
    file: `${ROOT}/${file}`,
    arguments: words,
    cwd: ROOT,
    environment: { PATH, HOME, NODE_OPTIONS: '--conditions=@touchstone/source', ...environment },
    log,
  });
  const limit = setTimeout(() => void run.stop(STOP_GRACE_MS), limitMs);
  void run.ended.then(() => clearTimeout(limit));
  return run;
};
