// `make bench`: what it starts, measures and writes.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runProgram } from '../support/stack.ts';

const PROGRAM = fileURLToPath(new URL('../bench/orders/main.ts', import.meta.url));
const PROCESSES = ['supervisor', 'postgres', 'nats', 'provider', 'mailbox'];
const SERVICES = ['order', 'inventory', 'payment', 'notification', 'analytics'];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bench-results-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('measures what an order costs in each process and database', async () => {
  const given = ['--callers', '1', '--seconds', '1', '--warm-up', '0', '--rate', '0', '--output', folder];

  const { exitCode, stdout, stderr } = await runProgram(process.execPath, [PROGRAM, ...given]);

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const { durability, runs } = JSON.parse(await readFile(join(folder, 'orders.json'), 'utf8'));
  expect(durability).toEqual({ fsync: 'on', synchronousCommit: 'on' });
  expect(runs).toHaveLength(1);
  const { load, outcomes, p50Ms, p99Ms, perOrder, violations } = runs[0];
  expect(load).toEqual({ kind: 'closed', callers: 1 });
  expect(Object.keys(outcomes)).toContain('confirmed');
  expect(p50Ms).toBeGreaterThan(0);
  expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
  expect(Object.keys(perOrder.cpuMs).toSorted()).toEqual([...PROCESSES, ...SERVICES].toSorted());
  expect(perOrder.cpuMs.order).toBeGreaterThan(0);
  expect(perOrder.cpuMs.postgres).toBeGreaterThan(0);
  // Not each of the saga's commits: a connection publishes the last second of its counters when it is used again, or idle for long.
  expect(perOrder.commits.order).toBeGreaterThan(0);
  expect(Object.keys(perOrder.commits).toSorted()).toEqual(SERVICES.toSorted());
  expect(perOrder.walBytes).toBeGreaterThan(0);
  expect(violations).toEqual([]);
  const report = await readFile(join(folder, 'orders.md'), 'utf8');
  expect(stdout).toContain(report);
  expect(await readFile(join(folder, 'orders.svg'), 'utf8')).toMatch(/^<svg /);
});
