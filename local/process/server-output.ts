// The output of local servers: every line goes to a log, and one of them signals readiness.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

const TAIL_LINES = 20;

/** A server ended or timed out before it was ready. `output` holds its last lines. */
export class ServerStartError extends Error {
  readonly output: string;

  constructor(message: string, output: string) {
    super(output === '' ? message : `${message}:\n${output}`);
    this.name = 'ServerStartError';
    this.output = output;
  }
}

export type ReadinessOptions = {
  /** The server's name in error messages. */
  readonly name: string;
  readonly process: ChildProcess;
  readonly output: Readable;
  /** Called with every line, for as long as the server runs. */
  readonly log: (line: string) => void;
  /** Called with every line until it returns true. */
  readonly isReady: (line: string) => boolean;
  readonly timeoutMs: number;
};

/**
 * Resolves when a line signals that the server is ready.
 * @throws {ServerStartError} when it ends first or takes longer than `timeoutMs`.
 */
export function awaitReadiness(options: ReadinessOptions): Promise<void> {
  const { name, process: child, output, log, isReady, timeoutMs } = options;
  const tail: string[] = [];
  const lines = createInterface({ input: output });
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (failure?: string) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (failure === undefined) resolve();
      else reject(new ServerStartError(failure, tail.join('\n')));
    };
    const timer = setTimeout(() => settle(`${name} was not ready within ${timeoutMs} ms`), timeoutMs);
    lines.on('line', (line) => {
      log(line);
      if (settled) return;
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      if (isReady(line)) settle();
    });
    child.once('error', (error) => settle(`${name} could not be started (${error.message})`));
    // 'close' comes after the last line, 'exit' may come before it.
    child.once('close', (code, signal) =>
      settle(`${name} ended before it was ready (${signal ?? `exit code ${code}`})`),
    );
  });
}

/**
 * Resolves when a program exits with code 0.
 * @throws {ServerStartError} with the last lines of stderr when it exits otherwise.
 */
export async function awaitSuccess({ name, process: child }: { name: string; process: ChildProcess }): Promise<void> {
  if (child.stderr === null) throw new Error(`${name}: stderr is not a pipe`);
  const [[code, signal], errors] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  if (code === 0) return;
  const tail = errors.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  throw new ServerStartError(`${name} failed (${signal ?? `exit code ${code}`})`, tail);
}
