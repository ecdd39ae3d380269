// The unit project's own guard: this file runs with it in place, as every unit test does.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns';
import { lookup as lookupPromise } from 'node:dns/promises';
import { mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { connect, createServer, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const PATH = '/nowhere/file';
const HERE = fileURLToPath(import.meta.url);

it.each([
  ['connect(80)', () => connect(80)],
  ['connect(localhost:80)', () => new Socket().connect({ host: 'localhost', port: 80 })],
  ['connect(443)', () => connectTls(443)],
  ['connect(http://localhost)', () => connectHttp2('http://localhost')],
  ['connect(80)', () => connectHttp2('http://localhost', { createConnection: () => new Socket().connect(80) })],
  ['request(http://localhost/)', () => request(new URL('http://localhost/'))],
  ['request(https://localhost)', () => requestHttps('https://localhost')],
  ['fetch(http://localhost)', () => fetch('http://localhost')],
  ['createSocket(udp4)', () => createSocket('udp4')],
])('refuses a connection made by %s', (name, deed) => {
  expect(deed).toThrow(`${name}. A test that needs it belongs in test/integration.`);
});

it.each([
  ['net', () => createServer().listen(0)],
  ['http2', () => createHttp2Server().listen(0)],
])('refuses to listen on a port through %s', (_module, deed) => {
  expect(deed).toThrow('A unit test tried to listen on a port: listen(0).');
});

it.each([
  ['callback', () => lookup('example.test', () => undefined)],
  ['promise', () => lookupPromise('example.test')],
])('refuses to look up a name by %s', (_form, deed) => {
  expect(deed).toThrow('A unit test tried to look up a name: lookup(example.test).');
});

it.each([
  ['writeFileSync', () => writeFileSync(PATH, '')],
  ['writeFile', () => writeFile(PATH, '')],
  ['mkdtempSync', () => mkdtempSync(PATH)],
  ['openSync', () => openSync(PATH, 'w')],
  ['open', () => open(PATH, 'a+')],
])('refuses to change a file by %s', (name, deed) => {
  expect(deed).toThrow(new RegExp(`^A unit test tried to (write|change) a file: ${name}\\(${PATH}\\)`));
});

it('refuses to start a process', () => {
  expect(() => spawn('true')).toThrow('A unit test tried to start a process: spawn(true).');
});

it('lets a test read files', async () => {
  const text = await readFile(HERE, 'utf8');

  expect(readFileSync(openSync(HERE, 'r'), 'utf8')).toBe(text);
});
