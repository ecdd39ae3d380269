// Judges the invariants of the running stack by the program behind `make verify`, which may read the databases: the console may not.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { VerdictState } from '#gen/local/control/v1/control_pb.ts';
import { DomainError } from '../../services/platform/base/errors.ts';
import { launchProgram } from '../process/process-run.ts';
import type { ControlledStack } from './controlled-stack.ts';

const VERIFY = fileURLToPath(new URL('../../test/support/verify.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT_MS = 60_000;
const STATES = { holds: VerdictState.HOLDS, violated: VerdictState.VIOLATED, unknown: VerdictState.UNKNOWN };
/** The verdict that says whether the others can be judged. */
const QUIESCENT = 'quiescent';

const verdicts = z.array(
  z.object({
    name: z.string(),
    promise: z.string(),
    state: z.enum(['holds', 'violated', 'unknown']),
    counts: z.string(),
    violations: z.array(z.string()),
  }),
);
type Verdict = z.infer<typeof verdicts>[number];

/** Judges; concurrent calls share one judgement. */
export type JudgeInvariants = () => Promise<{
  readonly verdicts: { invariant: string; state: VerdictState; counts: string; findings: string[] }[];
  readonly durationMs: number;
}>;

/** Creates the judge of a stack. */
export function createInvariantJudge(stack: ControlledStack): JudgeInvariants {
  let running: ReturnType<JudgeInvariants> | undefined;
  return () => {
    running ??= judge(stack).finally(() => {
      running = undefined;
    });
    return running;
  };
}

async function judge(stack: ControlledStack): Promise<Awaited<ReturnType<JudgeInvariants>>> {
  const started = performance.now();
  const lines: string[] = [];
  const run = launchProgram({
    file: VERIFY,
    arguments: ['--json', '--timeout', '0'],
    cwd: ROOT,
    environment: { NODE_OPTIONS: '--conditions=@touchstone/source', ...stack.verifyEnvironment() },
    log: (line) => lines.push(line),
  });
  const limit = setTimeout(() => run.kill('SIGKILL'), LIMIT_MS);
  try {
    await run.ended;
  } finally {
    clearTimeout(limit);
  }
  const answer = lines.find((line) => line.startsWith('['));
  if (answer === undefined) {
    const message = `the platform cannot be judged now: ${lines.at(0) ?? 'no answer in time'}`;
    throw new DomainError({ kind: 'unavailable', reason: 'NOT_JUDGED', message });
  }
  return { verdicts: readVerdicts(answer), durationMs: Math.round(performance.now() - started) };
}

/** Reads the answer of the program. While work is pending, what another invariant misses may still come: it is unknown, not violated. */
export function readVerdicts(json: string): Awaited<ReturnType<JudgeInvariants>>['verdicts'] {
  const parsed = verdicts.parse(JSON.parse(json));
  const isBusy = parsed.some(({ name, state }) => name === QUIESCENT && state === 'violated');
  return parsed.map((verdict) => ({
    invariant: verdict.name,
    state: STATES[isBusy && verdict.state === 'violated' ? 'unknown' : verdict.state],
    counts: verdict.counts,
    findings: findingsOf(verdict),
  }));
}

function findingsOf({ state, promise, violations }: Verdict): string[] {
  return state === 'violated' ? [`Promised: ${promise}.`, ...violations].slice(0, 20) : [];
}
