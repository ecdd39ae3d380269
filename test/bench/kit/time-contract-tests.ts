// Runs contract tests and prints their times. The measurement starts before the library is loaded.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContractTestTimes } from './contract-tests.ts';

/** Runs the contract test of one interaction, and writes the contract file. */
export type ContractTest = (number: number) => Promise<unknown>;

const furtherTests = 100;

/** @param load loads a library and returns the function that runs a test; files are written to `directory`. */
export async function timeContractTests(load: (directory: string) => Promise<ContractTest>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-kit-'));
  try {
    const startMs = performance.now();
    const runTest = await load(directory);
    await runTest(0);
    const firstMs = performance.now() - startMs;
    const restartMs = performance.now();
    for (let number = 1; number <= furtherTests; number += 1) await runTest(number);
    const times: ContractTestTimes = { firstMs, furtherMs: (performance.now() - restartMs) / furtherTests };
    process.stdout.write(`\n${JSON.stringify(times)}\n`);
  } finally {
    await rm(directory, { recursive: true });
  }
}
