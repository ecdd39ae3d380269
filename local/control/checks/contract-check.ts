// Compares the contracts of the working tree with the released ones, and joins what buf finds with the recorded usage of consumers.
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ChangeVerdict } from '#gen/local/control/v1/control_pb.ts';
import { unavailable } from '../../../services/platform/base/errors.ts';
import type { StartProgram } from './program.ts';

const BUF = 'node_modules/@bufbuild/buf/bin/buf';
const KIT = 'packages/kit/command-line/main.ts';
const RELEASED = 'proto/released.binpb';
const USAGE = 'test/contract/usage';
const LIMIT_MS = 60_000;
const MOST_CHANGES = 100;
/** buf ends so when it has findings. */
const HAS_FINDINGS = 100;
const VERDICTS = {
  breaks: ChangeVerdict.BREAKS,
  unused: ChangeVerdict.UNUSED,
  unknown: ChangeVerdict.UNKNOWN,
} as const;

const answer = z.object({
  findings: z.array(
    z.object({
      finding: z.object({ path: z.string().optional(), rule: z.string(), message: z.string() }),
      verdict: z.enum(['breaks', 'unused', 'unknown']),
      consumers: z.array(z.string()),
    }),
  ),
});

export type ContractChange = {
  readonly message: string;
  readonly path: string;
  readonly rule: string;
  readonly verdict: ChangeVerdict;
  readonly consumers: string[];
};

/** @throws {DomainError} `unavailable` when the comparison cannot be made. */
export type CheckContracts = () => Promise<{ readonly changes: ContractChange[]; readonly durationMs: number }>;

/** Creates the check; concurrent calls share one comparison. */
export function createContractCheck(startProgram: StartProgram): CheckContracts {
  let running: ReturnType<CheckContracts> | undefined;
  return () => {
    running ??= check(startProgram).finally(() => {
      running = undefined;
    });
    return running;
  };
}

async function check(startProgram: StartProgram): ReturnType<CheckContracts> {
  const started = performance.now();
  await using folder = await mkdtempDisposable(join(tmpdir(), 'touchstone-contracts-'));
  const findings = join(folder.path, 'findings.json');
  const compare = ['breaking', 'proto', '--error-format=json', '--against', RELEASED];
  const compared = await run(startProgram, BUF, compare, [0, HAS_FINDINGS]);
  await writeFile(findings, compared.filter((line) => line.startsWith('{')).join('\n'));
  const question = ['--json', 'can-i-change', '--usage', USAGE, '--findings', findings];
  const judged = await run(startProgram, KIT, question, [0, 1]);
  return { changes: readChanges(judged), durationMs: Math.round(performance.now() - started) };
}

async function run(startProgram: StartProgram, file: string, words: string[], codes: number[]): Promise<string[]> {
  const lines: string[] = [];
  const { code } = await startProgram({
    file,
    arguments: words,
    limitMs: LIMIT_MS,
    log: (line) => lines.push(line),
  }).ended;
  if (code !== null && codes.includes(code)) return lines;
  throw notChecked(lines.at(-1) ?? 'no answer in time');
}

/** Reads the answer of `kit can-i-change --json`. */
export function readChanges(lines: readonly string[]): ContractChange[] {
  const line = lines.find((one) => one.startsWith('{'));
  if (line === undefined) throw notChecked(lines[0] ?? 'no answer');
  return answer
    .parse(JSON.parse(line))
    .findings.slice(0, MOST_CHANGES)
    .map(({ finding: { message, path = '', rule }, verdict, consumers }) => {
      return { message, path, rule, verdict: VERDICTS[verdict], consumers };
    });
}

function notChecked(why: string) {
  return unavailable({ reason: 'NOT_CHECKED', message: `the contracts cannot be compared: ${why}` });
}
