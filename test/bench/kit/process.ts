// The processes of the measured programs: each runs alone, so that loading and scheduling of one do not affect another.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Switches off the usage reports of the measured programs. */
const environment = { ...process.env, PACT_DO_NOT_TRACK: 'true', SCARF_ANALYTICS: 'false' };

export interface RunningProgram extends AsyncDisposable {
  /** The match of the pattern's first group. */
  readonly found: string;
}

/**
 * Starts a program and waits until a line of its output matches.
 *
 * @throws {Error} the program ended before; the message has its output.
 */
export async function startProgram(command: string, args: readonly string[], ready: RegExp): Promise<RunningProgram> {
  const child = spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const complaints: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => complaints.push(text));
  for await (const line of createInterface(child.stdout)) {
    const found = ready.exec(line)?.[1];
    if (found === undefined) {
      complaints.push(`${line}\n`);
      continue;
    }
    child.stdout.resume();
    return {
      found,
      [Symbol.asyncDispose]: async () => {
        child.kill();
        await exited;
      },
    };
  }
  child.kill();
  throw new Error(`${command} ${args.join(' ')} has ended before it was ready:\n${complaints.join('')}`);
}

/** Starts a script of this folder that prints `ready <what>`. */
export function startScript(name: string, ...args: readonly string[]): Promise<RunningProgram> {
  return startProgram(process.execPath, [pathOf(name), ...args], /^ready (.*)$/);
}

/** Runs a script of this folder to its end. Returns what it printed as JSON, in its last line. */
export async function runScript(name: string, ...args: readonly string[]): Promise<unknown> {
  const child = spawn(process.execPath, [pathOf(name), ...args], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'close');
  const output: string[] = [];
  const complaints: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => complaints.push(text));
  const [code] = await exited;
  if (code !== 0) throw new Error(`${name} has failed:\n${output.join('')}${complaints.join('')}`);
  return JSON.parse(output.join('').trim().split('\n').at(-1) ?? '');
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
