// A terminal without a process: it collects the output of a command, and provides its input.
import { runCommandLine } from '../../../../packages/kit/command-line/command-line.ts';

export type CommandOutput = {
  readonly exitCode: number;
  readonly out: string;
  readonly errors: string;
};

/** Runs a command that ends by itself, or as soon as it serves. Without `input`, standard input is a keyboard. */
export async function runInTerminal(args: readonly string[], input?: string): Promise<CommandOutput> {
  return await runUntil(Promise.resolve(), args, { input });
}

/** Runs a command until it ends, or is asked to end when `stopped` resolves. `onError` gets each line of standard error. */
export async function runUntil(
  stopped: Promise<void>,
  args: readonly string[],
  { input, onError }: { readonly input?: string | undefined; readonly onError?: (line: string) => void } = {},
): Promise<CommandOutput> {
  const out: string[] = [];
  const errors: string[] = [];
  const exitCode = await runCommandLine(args, {
    version: '1.2.3',
    environment: {},
    awaitStop: () => stopped,
    hasInput: input !== undefined,
    write: (line) => out.push(line),
    writeError: (line) => {
      errors.push(line);
      onError?.(line);
    },
    readInput: async () => input ?? '',
  });
  return { exitCode, out: out.join('\n'), errors: errors.join('\n') };
}
