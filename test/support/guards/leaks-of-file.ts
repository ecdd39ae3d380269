// The leak guard of the levels that open real resources: a test file that ends with a listening server or a running child process
// fails with its name. leak-reporter.ts finds other leaked processes after the run.
import { ChildProcess } from 'node:child_process';
import { Server } from 'node:net';
import { afterAll, vi } from 'vitest';

const GRACE_MS = 1_000;

/** The opened resources, each with the line of the test that opened it. */
type Opened = { readonly servers: Map<Server, string>; readonly children: Map<ChildProcess, string> };

// A worker runs this file once for each test file, and shares Node's modules among them.
const INSTALLED = Symbol.for('touchstone.leaks-of-file');
const { servers, children } = (Reflect.get(globalThis, INSTALLED) as Opened | undefined) ?? watchResources();

// Setup files register first and `afterAll` hooks run in reverse order, so this one runs after the file's own clean-up.
afterAll(async () => {
  try {
    await vi.waitFor(refuseLeaks, { timeout: GRACE_MS, interval: 20 });
  } finally {
    // A leak is reported for the file that made it only.
    servers.clear();
    children.clear();
  }
});

function refuseLeaks(): void {
  const leaks = [
    ...[...servers]
      .filter(([server]) => server.listening)
      .map(([server, origin]) => `${describeServer(server)} ${origin}`),
    ...[...children]
      .filter(([child]) => isRunning(child))
      .map(([child, origin]) => `${describeChild(child)} ${origin}`),
  ];
  if (leaks.length > 0) throw new Error(`This test file leaves behind:\n  ${leaks.join('\n  ')}`);
}

function watchResources(): Opened {
  const opened: Opened = { servers: new Map(), children: new Map() };
  watchServers(opened);
  watchChildren(opened);
  Reflect.set(globalThis, INSTALLED, opened);
  return opened;
}

function watchServers({ servers }: Opened): void {
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...given: unknown[]) {
    servers.set(this, findOrigin());
    return Reflect.apply(listen, this, given);
  };
}

function watchChildren({ children }: Opened): void {
  const prototype = ChildProcess.prototype as unknown as { spawn: (...given: unknown[]) => unknown; unref: () => void };
  const { spawn, unref } = prototype;
  prototype.spawn = function (this: ChildProcess, ...given: unknown[]) {
    children.set(this, findOrigin());
    return Reflect.apply(spawn, this, given);
  };
  // A child that is unref'd on purpose ends with its parent by other means; leak-reporter.ts verifies that.
  prototype.unref = function (this: ChildProcess) {
    children.delete(this);
    Reflect.apply(unref, this, []);
  };
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

function describeServer(server: Server): string {
  const address = server.address();
  return `a server listening on ${typeof address === 'object' ? `${address?.address}:${address?.port}` : address}`;
}

function describeChild(child: ChildProcess): string {
  return `process ${child.pid} (${child.spawnfile})`;
}

function findOrigin(): string {
  const lines = (new Error('origin').stack ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
  return (
    lines.find(
      (line) => !line.includes('node:') && !line.includes('node_modules') && !line.includes('leaks-of-file'),
    ) ?? ''
  );
}
