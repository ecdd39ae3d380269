// Restate's server with its default settings, but on free loopback ports and with its data in a temporary folder.
import type { ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { chooseFreePort } from '../../../local/process/ports.ts';
import { createGuardedDirectory, hasEnded, spawnGuarded, stopGuarded } from '../../../local/process/watchdog.ts';
import { pause } from '../../../services/platform/base/backoff.ts';

const START_LIMIT_MS = 30_000;
const TRY_AGAIN_MS = 50;
const REQUEST_MS = 5_000;

export type RestateServer = AsyncDisposable & {
  /** Where it takes the calls of clients. */
  readonly ingressUrl: string;
  readonly pid: number;
  /** Makes it find the services behind this URL. */
  register(serviceUrl: string): Promise<void>;
};

/**
 * Starts the server.
 *
 * @throws {Error} it did not become healthy; the message has its output.
 */
export async function startRestateServer(binary: string, signal: AbortSignal): Promise<RestateServer> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await createGuardedDirectory('touchstone-bench-restate'));
  const [ingress, admin, fabric] = [await chooseFreePort(), await chooseFreePort(), await chooseFreePort()];
  const child = spawnGuarded(binary, ['--no-logo', '--base-dir', folder.path], {
    env: {
      RESTATE_NODE_NAME: 'bench',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_ADDRESS: `127.0.0.1:${fabric}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${fabric}/`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_DISABLE_TELEMETRY: 'true',
      // It asks GitHub for a newer version, which no setting prevents; that this fails is no news.
      RESTATE_LOG_FILTER: 'warn,octocrab=off',
      RESTATE_LOG_DISABLE_ANSI_CODES: 'true',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Its data is removed: there is no use in writing it out first, as it does at SIGTERM.
  resources.defer(() => stopGuarded(child, { signal: 'SIGKILL' }));
  const output = Promise.all([child.stdout, child.stderr].map((stream) => (stream === null ? '' : text(stream))));
  const adminUrl = `http://127.0.0.1:${admin}`;
  if (!(await becomesHealthy(child, `${adminUrl}/health`, signal))) {
    await stopGuarded(child, { signal: 'SIGKILL' });
    throw new Error(`Restate's server did not start:\n${(await output).join('')}`);
  }
  const owned = resources.move();
  return {
    ingressUrl: `http://127.0.0.1:${ingress}`,
    pid: child.pid ?? 0,
    register: (serviceUrl) => register(adminUrl, serviceUrl, signal),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function becomesHealthy(child: ChildProcess, url: string, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline && !hasEnded(child)) {
    signal.throwIfAborted();
    const isHealthy = await fetch(url, { signal: AbortSignal.timeout(REQUEST_MS) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isHealthy) return true;
    await pause(TRY_AGAIN_MS, signal);
  }
  return false;
}

async function register(adminUrl: string, uri: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${adminUrl}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(START_LIMIT_MS)]),
  });
  if (!response.ok) throw new Error(`Restate refuses the service at ${uri}: ${await response.text()}`);
  await response.body?.cancel();
}
