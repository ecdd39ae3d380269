// The isolation guard of the unit tests: opening a socket, starting a process or writing a file throws an error that names it.
// Node's modules are patched in place, so libraries are caught as well.
import childProcess from 'node:child_process';
import cluster from 'node:cluster';
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';

type Patchable = Record<string, unknown>;

const OPENS_FOR_WRITING = fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_TRUNC;

const PATHS_CHANGED_BY = [
  'appendFile',
  'chmod',
  'chown',
  'copyFile',
  'cp',
  'lchown',
  'link',
  'lutimes',
  'mkdir',
  'mkdtemp',
  'rename',
  'rm',
  'rmdir',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
];

// A worker runs this file once for each test file, and shares Node's modules among them.
const INSTALLED = Symbol.for('touchstone.refuse-outside-world');
if (Reflect.get(globalThis, INSTALLED) !== true) {
  Reflect.set(globalThis, INSTALLED, true);
  refuseOutsideWorld();
}

function refuseOutsideWorld(): void {
  refuseSockets();
  refuseFileWrites();
  refuseAll(
    childProcess,
    ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'],
    'start a process',
  );
  refuseAll(cluster, ['fork'], 'start a process');
  syncBuiltinESMExports();
}

function refuseSockets(): void {
  // Prototypes first: every TCP, TLS and HTTP call of Node and of libraries uses these two.
  refuseAll(net.Socket.prototype, ['connect'], 'open a connection');
  refuseAll(net.Server.prototype, ['listen'], 'listen on a port');
  refuseAll(net, ['connect', 'createConnection'], 'open a connection');
  refuseAll(tls, ['connect'], 'open a connection');
  refuseAll(http, ['request', 'get'], 'make an HTTP request');
  refuseAll(https, ['request', 'get'], 'make an HTTP request');
  refuseHttp2();
  refuseAll(dgram, ['createSocket'], 'open a UDP socket');
  refuseAll(globalThis, ['fetch', 'WebSocket', 'EventSource'], 'make an HTTP request');
  for (const resolver of [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype]) {
    refuseAll(resolver, namesOf(resolver).filter(isLookUp), 'look up a name');
  }
}

/** HTTP/2 over a stream of the test's own opens no socket; a stream that does is caught by the prototypes. */
function refuseHttp2(): void {
  replace(http2, 'connect', (original) => (authority: unknown, options: unknown, ...rest: unknown[]) => {
    const { createConnection } = (options ?? {}) as { createConnection?: unknown };
    if (typeof createConnection === 'function') return original(authority, options, ...rest);
    throw refusal('open a connection', 'connect', authority);
  });
}

function refuseFileWrites(): void {
  refuseAll(fs, ['createWriteStream'], 'write a file');
  for (const name of PATHS_CHANGED_BY) {
    refusePaths(fs, name);
    refusePaths(fs, `${name}Sync`);
    refusePaths(fs.promises, name);
  }
  refuseOpening(fs, 'open');
  refuseOpening(fs, 'openSync');
  refuseOpening(fs.promises, 'open');
}

/** File descriptors stay usable: stdout and vitest's channel are descriptors. */
function refusePaths(target: object, name: string): void {
  replace(target, name, (original) => (first: unknown, ...rest: unknown[]) => {
    if (typeof first === 'number') return original(first, ...rest);
    throw refusal('change a file', name, first);
  });
}

function refuseOpening(target: object, name: string): void {
  replace(target, name, (original) => (path: unknown, flags: unknown, ...rest: unknown[]) => {
    if (opensForWriting(flags)) throw refusal('write a file', name, path);
    return original(path, flags, ...rest);
  });
}

function opensForWriting(flags: unknown): boolean {
  if (typeof flags === 'number') return (flags & OPENS_FOR_WRITING) !== 0;
  return typeof flags === 'string' && /[wa+]/.test(flags);
}

function refuseAll(target: object, names: readonly string[], deed: string): void {
  for (const name of names) {
    replace(target, name, () => (...given: unknown[]) => {
      throw refusal(deed, name, given[0]);
    });
  }
}

function replace(target: object, name: string, make: (original: (...given: unknown[]) => unknown) => unknown): void {
  const members = target as Patchable;
  const original = members[name];
  if (typeof original !== 'function') return;
  members[name] = make(original.bind(target));
}

function refusal(deed: string, name: string, given: unknown): Error {
  const detail = describeTarget(given);
  return new Error(
    `A unit test tried to ${deed}: ${name}(${detail}). A test that needs it belongs in test/integration.`,
  );
}

function describeTarget(given: unknown): string {
  if (typeof given === 'string' || typeof given === 'number') return String(given);
  if (given instanceof URL) return given.href;
  if (typeof given !== 'object' || given === null) return '';
  const { host, hostname, port, path } = given as {
    host?: unknown;
    hostname?: unknown;
    port?: unknown;
    path?: unknown;
  };
  return [hostname ?? host, port ?? path]
    .filter((part) => typeof part === 'string' || typeof part === 'number')
    .join(':');
}

function namesOf(target: object): string[] {
  return Object.getOwnPropertyNames(target);
}

function isLookUp(name: string): boolean {
  return name.startsWith('resolve') || name.startsWith('lookup') || name === 'reverse';
}
