// A container of an image that was built into a folder: a process in that folder, as the image's account where this process may change its
// own, with nothing in its environment but what image and manifest say.
import { once } from 'node:events';
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { spawnGuarded, stopGuarded } from '#local/process/watchdog.ts';
import type { Image } from './image.ts';

export type RunningContainer = AsyncDisposable & {
  /** What it has printed. */
  readonly output: readonly string[];
  /** Its exit code, once it has ended by itself or by `stop`. */
  readonly exitCode: Promise<number | null>;
  hasEnded(): boolean;
  /** Asks it to stop, as a container engine does, and waits as long. */
  stop(graceMs: number): Promise<void>;
};

/** Starts the image's entry point with these arguments and this environment. */
export function startContainer(
  image: Image,
  given: readonly string[],
  environment: Readonly<Record<string, string>>,
): RunningContainer {
  const [entrypoint, ...rest] = [...image.entrypoint, ...given];
  if (entrypoint !== 'node') throw new Error(`the entry point ${entrypoint} is not known here`);
  const [uid, gid] = image.user.split(':').map(Number);
  const account = process.getuid?.() === 0 && uid !== undefined && gid !== undefined ? { uid, gid } : {};
  const child = spawnGuarded(process.execPath, rest, {
    cwd: join(image.root, image.workingDirectory),
    env: { ...image.environment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...account,
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => output.push(String(bytes)));
  const exitCode = once(child, 'exit').then(([code]) => code as number | null);
  return {
    output,
    exitCode,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    stop: (graceMs) => stopGuarded(child, { signal: 'SIGTERM', graceMs }),
    [Symbol.asyncDispose]: () => stopGuarded(child),
  };
}

/** Puts a file where a volume would have it, with a volume's default mode, and returns that path; `path` is that in the container. */
export async function mountFile(image: Image, path: string, source: string): Promise<string> {
  const mounted = join(image.root, path);
  await mkdir(dirname(mounted), { recursive: true });
  await copyFile(source, mounted);
  await chmod(mounted, 0o644);
  return mounted;
}

/** Whether a port accepts a connection, as a `tcpSocket` probe asks. */
export async function acceptsConnection(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(2_000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The status of an `httpGet` probe over TLS: it checks no certificate, shows none, and names the address of the pod. */
export async function probeStatus(port: number, path: string): Promise<number> {
  const sent = request({
    host: '127.0.0.1',
    port,
    path,
    rejectUnauthorized: false,
    agent: false,
    headers: { host: `10.244.1.7:${port}`, 'user-agent': 'kube-probe/1.34' },
    signal: AbortSignal.timeout(2_000),
  });
  const [answer] = (await once(sent.end(), 'response')) as [{ statusCode?: number; resume(): void }];
  answer.resume();
  return answer.statusCode ?? 0;
}
