// The runner of a long command such as `make soak`: a signal cancels it, errors are printed without secrets, and its result is the
// exit code.
import { describeError } from '#services/platform/base/errors.ts';
import { scrubSecrets } from '#services/platform/observability/log.ts';

export const INTERRUPTED = 130;

/** Runs and returns the exit code. `signal` aborts when the command is cancelled; `main` then ends soon, by throwing or not. */
type Main = (args: readonly string[], signal: AbortSignal) => Promise<number>;

/**
 * Runs the program of this process: with its arguments, until SIGINT, SIGTERM or SIGHUP calls it off. An error that `main` throws
 * is written to stderr and ends it with `codeOf(error)`, 1 by default; a cancelled command ends with 130.
 */
export async function runCommand(main: Main, codeOf: (error: unknown) => number = () => 1): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A second signal exits without waiting: the watchdog then stops the remaining processes.
      if (stop.signal.aborted) process.exit(INTERRUPTED);
      stop.abort(new Error('called off'));
    });
  }
  // The reader of the output has ended (`make bench | head`).
  process.stdout.on('error', () => stop.abort(new Error('called off')));
  try {
    process.exitCode = await main(process.argv.slice(2), stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) process.stderr.write(`${scrubSecrets(describeError(error))}\n`);
    process.exitCode = stop.signal.aborted ? INTERRUPTED : codeOf(error);
  }
}

/** Writes a line to stdout. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
