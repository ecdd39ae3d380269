import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEPENDENCIES, listCells } from '../../../chaos/fault-matrix/cells.ts';
import { FAULTS } from '../../../chaos/fault-matrix/faults.ts';

const kitFaults = readdirSync(new URL('../../../../packages/kit/fault-proxy/faults', import.meta.url)).map((file) =>
  file.replace(/\.ts$/, ''),
);

it('has every fault of the proxy', () => {
  expect(new Set(FAULTS.map(({ create }) => create().name))).toEqual(new Set(kitFaults));
});

it('tries each fault on each dependency, or says why not', () => {
  const { cells, skipped } = listCells();
  const names = [...cells, ...skipped].map(({ name }) => name.split('/').slice(0, 2).join('/'));

  const wanted = DEPENDENCIES.flatMap((dependency) => FAULTS.map(({ name }) => `${dependency}/${name}`));
  expect(new Set(names)).toEqual(new Set(wanted));
  expect(new Set(cells.map(({ name }) => name)).size).toBe(cells.length);
});

it('tries calls and connections, in the listed directions', () => {
  const { cells } = listCells('provider/latency/');

  expect(cells.map(({ name, options }) => [name, options])).toEqual([
    ['provider/latency/call/up', { rpc: '*', direction: 'up' }],
    ['provider/latency/call/down', { rpc: '*', direction: 'down' }],
    ['provider/latency/connection/up', { direction: 'up' }],
    ['provider/latency/connection/down', { direction: 'down' }],
  ]);
});

it('skips what a protocol does not support', () => {
  const { cells, skipped } = listCells('go-away/');

  expect(cells.map(({ name }) => name)).toEqual(['inventory/go-away/call', 'payment/go-away/call']);
  expect(skipped.map(({ name }) => name)).toEqual(
    ['provider', 'database', 'nats'].map((name) => `${name}/go-away/call`),
  );
});

it('accepts several texts, separated by commas', () => {
  const { cells } = listCells('payment/refuse-closed, nats/answer-in-tls,');

  expect(cells.map(({ name }) => name)).toEqual([
    'payment/refuse-closed-port/connection',
    'nats/answer-in-tls/connection',
  ]);
});
