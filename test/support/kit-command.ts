// The program `kit` as a process: run to its end, or started and stopped.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(import.meta.resolve('../../packages/kit/command-line/main.ts'));

/** The output and the exit code of a command. */
export type EndedCommand = {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** A command that serves. Disposing of it kills it if it still runs. */
export type StartedCommand = AsyncDisposable & {
  /** Its first line, as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: each command prints other fields.
  readonly ready: any;
  /** Sends the signal, and waits until the command has ended. */
  stop(signal?: NodeJS.Signals): Promise<EndedCommand>;
};

/** Runs `kit` to its end. */
export async function runKit(given: readonly string[], input = ''): Promise<EndedCommand> {
  const child = spawn(process.execPath, [PROGRAM, ...given]);
  child.stdin.end(input);
  return await ended(child);
}

/** Starts `kit`, or the program of that name in `file`, with `--json`, and waits until it is ready. */
export async function startKit(given: readonly string[], file?: string): Promise<StartedCommand> {
  const args = [...given, '--json'];
  // An installed package has no sources for the export condition in NODE_OPTIONS to select.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = file === undefined ? spawn(process.execPath, [PROGRAM, ...args]) : spawn(file, args, { env });
  const end = ended(child);
  const line = await Promise.race([firstLineOf(child), end]);
  if (typeof line !== 'string') throw new Error(`kit ${given.join(' ')} ended with ${line.exitCode}: ${line.stderr}`);
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    return end;
  };
  return {
    ready: JSON.parse(line),
    stop,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL');
    },
  };
}

async function ended(child: ChildProcess): Promise<EndedCommand> {
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'exit'),
  ]);
  return { exitCode, stdout, stderr };
}

async function firstLineOf(child: ChildProcess): Promise<string> {
  let output = '';
  return await new Promise((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk;
      const end = output.indexOf('\n');
      if (end >= 0) resolve(output.slice(0, end));
    });
  });
}
