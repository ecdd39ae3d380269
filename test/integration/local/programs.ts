// Programs of the local stack as processes of their own, as the supervisor runs them.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { signalGroup, spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';

export type Program = AsyncDisposable & {
  /** The fields of its first log line. */
  said: Record<string, unknown>;
  /** Kills it without warning; resolves when it is gone. */
  kill(): Promise<void>;
};

/** Starts `local/<name>/main.ts` and waits for its first line. */
export async function startProgram(name: string, environment: Record<string, string>): Promise<Program> {
  const file = fileURLToPath(new URL(`../../../local/${name}/main.ts`, import.meta.url));
  const child = spawnGuarded(process.execPath, [file], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  if (!child.stdout) throw new Error(`${name} has no output`);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    said: JSON.parse(String(line)) as Record<string, unknown>,
    async kill() {
      signalGroup(child, 'SIGKILL');
      await ended;
    },
    [Symbol.asyncDispose]: () => stopGuarded(child),
  };
}

/** Runs the provisioning step to its end; returns its exit code and all that it printed. */
export const runProvisioning = (environment: Record<string, string>) => runStep('provisioning', environment);

/** Runs a step that ends by itself. */
export async function runStep(
  step: 'provisioning' | 'migration',
  environment: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const file = fileURLToPath(new URL(`../../../services/${step}/main.ts`, import.meta.url));
  const child = spawnGuarded(process.execPath, [file], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  if (!child.stdout || !child.stderr) throw new Error('the step has no output');
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(code), output: output + errors };
}
