// Setup file of the levels that open real things: a test file that ends with a server still listening or a child process still
// running fails, and is told which. What survives even this is found after the run by leak-reporter.ts.
import { ChildProcess } from 'node:child_process';
import { Server } from 'node:net';
import { afterAll, vi } from 'vitest';

const GRACE_MS = 1_000;

/** What was opened, and the line of ours that did it. */
const servers = new Map<Server, string>();
const children = new Map<ChildProcess, string>();

watchServers();
watchChildren();

// Setup files register first and `afterAll` runs last in, first out: this comes after every clean-up of the file's own.
afterAll(async () => {
  await vi.waitFor(refuseLeaks, { timeout: GRACE_MS, interval: 20 });
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

function watchServers(): void {
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...given: unknown[]) {
    servers.set(this, findOrigin());
    return Reflect.apply(listen, this, given);
  };
}

function watchChildren(): void {
  const prototype = ChildProcess.prototype as unknown as { spawn: (...given: unknown[]) => unknown; unref: () => void };
  const { spawn, unref } = prototype;
  prototype.spawn = function (this: ChildProcess, ...given: unknown[]) {
    children.set(this, findOrigin());
    return Reflect.apply(spawn, this, given);
  };
  // Whoever lets go of a child on purpose made it end with its parent by other means: the run's own check sees to that.
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
