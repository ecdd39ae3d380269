// A terminal without a process: takes down what a command writes, and has the input it was given.
import { runCommandLine } from '../../../../packages/kit/command-line/command-line.ts';

export interface Said {
  readonly exitCode: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs a command that comes to its end by itself. Without `input` somebody sits at the keyboard. */
export async function runInTerminal(args: readonly string[], input?: string): Promise<Said> {
  const out: string[] = [];
  const errors: string[] = [];
  const exitCode = await runCommandLine(args, {
    version: '1.2.3',
    awaitStop: () => Promise.resolve(),
    hasInput: input !== undefined,
    write: (line) => out.push(line),
    writeError: (line) => errors.push(line),
    readInput: async () => input ?? '',
  });
  return { exitCode, out: out.join('\n'), errors: errors.join('\n') };
}
