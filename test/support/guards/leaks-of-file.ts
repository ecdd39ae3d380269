// The leak guard of the levels that open real resources: a test file that ends with a listening server or a running child process
// fails with its name. leak-reporter.ts finds other leaked processes after the run.
import { ChildProcess } from 'node:child_process';
import { Server } from 'node:net';
import { afterAll, vi } from 'vitest';

const GRACE_MS = 1_000;

/** An opened resource, and the line of the test that opened it. */
const servers = new Map<Server, string>();
const children = new Map<ChildProcess, string>();

watchServers();
watchChildren();

// Setup files register first and `afterAll` hooks run in reverse order, so this one runs after the file's own clean-up.
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
