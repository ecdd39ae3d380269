// The fuzzer: generated calls against a running service, and the problems that its answers show.

import type { DescMethod } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import type { ClientTls } from '../base/client-tls.ts';
import { nameOf } from '../base/rpc-name.ts';
import { assertPlaintext, assertTrusted } from '../base/upstream-certificate.ts';
import type { Recording } from '../recording/exchange.ts';
import type { Schema } from '../schema/load-schema.ts';
import type { WireName } from '../verification/wire.ts';
import {
  type CallGroup,
  changedCalls,
  type GeneratorSource,
  ordinaryCalls,
  randomCalls,
} from './calls/call-generator.ts';
import type { FindingKind, FoundProblem, TakenValue } from './calls/finding.ts';
import { FuzzRun } from './calls/fuzz-run.ts';
import { canCarry, FUZZ_WIRES, type FuzzWire } from './calls/fuzz-wire.ts';
import { HttpClient } from './calls/http-client.ts';
import { type ReproductionTarget, reproduce } from './calls/reproduce.ts';
import { loadRules } from './calls/rule-hints.ts';
import { acceptsConnections, isSpoken } from './calls/service-probe.ts';
import { FuzzError } from './fuzz-error.ts';
import { describeGrowth, isGrowth, MEMORY_ROUNDS, residentBytes } from './memory.ts';
import { examplesOf, type RecordedCalls, readRecordedCalls } from './sequences/recorded-calls.ts';
import { SequenceRun } from './sequences/sequence-run.ts';

/** The service under test, and the bounds of a run. */
export type FuzzOptions = {
  /** Such as `http://127.0.0.1:50051`. */
  readonly url: string;
  readonly schema: Schema;
  /** How a service with TLS is called. */
  readonly tls?: ClientTls;
  /** The RPCs to call. Default: all of the schema. */
  readonly methods?: readonly DescMethod[];
  /** The ways to call. Default: those that the service speaks. */
  readonly wires?: readonly WireName[];
  /** Headers that are sent with every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The same seed makes the same calls, as long as the service answers the same. */
  readonly seed: number;
  /** How many calls at most, those of shrinking included. */
  readonly calls: number;
  /** How long at most. */
  readonly seconds: number;
  /** How long a call may take. */
  readonly timeoutMs: number;
  /** RPCs whose streams may stay open. Default: none. */
  readonly endless?: readonly DescMethod[];
  /** Calls that the service has answered: they are made again in their order, with changes, and single calls are varied from them. */
  readonly recording?: Recording;
  /** Fields of recorded requests whose values are new in each sequence, as idempotency keys always are: `pkg.Message.field`. */
  readonly fresh?: readonly string[];
  /** The process whose memory is watched. */
  readonly pid?: number;
  /** Ends the run. What was found until then is returned. */
  readonly signal?: AbortSignal;
  /** Called with each finding as soon as it is shrunk. */
  readonly onFinding?: (finding: FuzzFinding) => void;
};

/** A problem that was found, and how to see it again. */
export type FuzzFinding = {
  readonly kind: FindingKind;
  readonly rpc: string;
  readonly wire: WireName;
  /** Such as `internal: division by zero`. */
  readonly detail: string;
  /** The boundary value, the damage or the rule that is the reason, such as `order_id: empty string`; empty if there is none. */
  readonly cause: string;
  /** How many calls had it. */
  readonly calls: number;
  readonly curl: string;
  readonly grpcurl: string | undefined;
  /** The calls that have the problem in this order, the one above last; unset if it alone has it. */
  readonly sequence?: readonly FuzzStep[];
};

/** One call of a sequence. */
export type FuzzStep = {
  readonly rpc: string;
  readonly curl: string;
  readonly grpcurl: string | undefined;
  /** Values of the request that have to be replaced by those of the answers to earlier calls. */
  readonly taken: readonly TakenValue[];
  /** Fields and headers that need a new value whenever the call is made again, such as `request_id`. */
  readonly renewed: readonly string[];
};

/** The result of a run. */
export type FuzzReport = {
  readonly seed: number;
  readonly calls: number;
  readonly findings: readonly FuzzFinding[];
  /** How often each RPC was called. */
  readonly rpcs: readonly { readonly rpc: string; readonly calls: number; readonly isDropped: boolean }[];
  readonly wires: readonly WireName[];
  /** Which RPCs are not called, which calls of the recording are left out, and which the service no longer answers as it was recorded. */
  readonly notes: readonly string[];
  /** Whether the service ended, and did not come back. */
  readonly isGone: boolean;
};

// Without a recording, its share is for the others; the rest of the budget is for calls with any values.
const SEQUENCES_SHARE = 0.5;
const CHANGED_SHARE = 0.6;
const CHANGED_SHARE_AFTER_SEQUENCES = 0.8;
const RANDOM_BATCH = 25;
// With a process whose memory is watched, the rest of the time is for that.
const EXPLORING_SHARE = 0.6;

/**
 * Calls the RPCs of a service with generated requests.
 *
 * @throws {FuzzError} if nothing listens at the URL, it speaks none of the protocols, or there is no such process.
 * @throws {RecordingError} if the recording does not fit the schema, or `fresh` names a field that there is not.
 * @throws {ProviderUnreachableError} if its certificate is not trusted, or the URL and the service differ in TLS.
 * @throws {TypeError} if `tls` cannot be used.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { url, schema, headers = {}, seed, pid } = options;
  const { registry } = schema;
  const methods = options.methods ?? schema.services.flatMap((service) => service.methods);
  const recorded = readRecorded(options, methods);
  if (!(await acceptsConnections(url))) throw new FuzzError('nothing accepts connections there');
  await assertPlaintext(url);
  await assertTrusted(url, options.tls);
  if (pid !== undefined) await requireProcess(pid);
  using client = new HttpClient({ url, timeoutMs: options.timeoutMs, tls: options.tls });
  const wires = await chooseWires(options.wires, { url, client, methods, registry, headers });
  const callable = methods.filter((method) => wires.some((wire) => canCarry(wire, method)));
  if (callable.length === 0) throw new FuzzError('a conversation needs HTTP/2, and there are no other RPCs');
  const rules = await loadRules(schema.files, registry);
  const target = { url, headers, registry, tls: options.tls };
  const run = new FuzzRun({
    url,
    client,
    registry,
    rules,
    headers,
    endless: new Set(options.endless),
    maxCalls: options.calls,
    maxMs: options.seconds * 1000 * (pid === undefined ? 1 : EXPLORING_SHARE),
    maxMemoryMs: options.seconds * 1000 * (1 - EXPLORING_SHARE),
    signal: options.signal,
    onFinding: (found) => options.onFinding?.(toFinding(found, target)),
  });
  const source = { methods: callable, wires, hints: rules.hints, examples: examplesOf(recorded.calls) };
  const notes = await explore(run, source, { options, recorded });
  if (pid !== undefined) await watchMemory(run, source, { pid, seed });
  return {
    seed,
    calls: run.calls,
    findings: run.findings.map((found) => toFinding(found, target)),
    rpcs: methods.map((method) => ({
      rpc: nameOf(method),
      calls: run.callsOf(method),
      isDropped: run.isDropped(method),
    })),
    wires: wires.map(({ name }) => name),
    notes: [
      ...methods.filter((method) => !callable.includes(method)).map(explainOmission),
      ...recorded.warnings,
      ...notes,
    ],
    isGone: run.isGone,
  };
}

function explainOmission(method: DescMethod): string {
  return `${nameOf(method)} is not called: a conversation needs HTTP/2`;
}

function readRecorded({ recording, schema, fresh }: FuzzOptions, methods: readonly DescMethod[]): RecordedCalls {
  if (!recording) return { calls: [], warnings: [] };
  return readRecordedCalls(recording, { methods, schema, ...(fresh && { fresh }) });
}

type Exploring = { readonly options: FuzzOptions; readonly recorded: RecordedCalls };

/** Returns which recorded calls the service no longer answers as recorded. */
async function explore(
  run: FuzzRun,
  source: GeneratorSource,
  { options: { url, seed, calls }, recorded }: Exploring,
): Promise<readonly string[]> {
  for (const [index, group] of ordinaryCalls(source).entries()) await run.explore(group, seed + index, 1);
  const { wires, hints } = source;
  const isOver = () => run.isOver || run.usedShare > SEQUENCES_SHARE;
  const sequences = new SequenceRun({ run, url, calls: recorded.calls, wires, hints, seed, isOver });
  await sequences.explore();
  const share = recorded.calls.length === 0 ? CHANGED_SHARE : CHANGED_SHARE_AFTER_SEQUENCES;
  await exploreSingleCalls(run, source, { seed, calls, share });
  return sequences.notes;
}

async function exploreSingleCalls(
  run: FuzzRun,
  source: GeneratorSource,
  { seed, calls, share }: { readonly seed: number; readonly calls: number; readonly share: number },
): Promise<void> {
  const changed = shuffle(changedCalls(source), seed);
  for (const [index, group] of changed.entries()) {
    if (run.calls > calls * share && source.methods.length * RANDOM_BATCH < calls) break;
    await run.explore(group, seed + index, 1);
  }
  for (let round = 0; !run.isOver; round += 1) {
    const open = source.methods.filter((method) => !run.isDropped(method));
    if (open.length === 0) return;
    for (const method of open) await run.explore(randomCalls(source, method), seed + round, RANDOM_BATCH);
  }
}

// The same call again and again: what it leaves behind adds up.
async function watchMemory(
  run: FuzzRun,
  source: GeneratorSource,
  { pid, seed }: { pid: number; seed: number },
): Promise<void> {
  for (const method of source.methods) {
    const [group] = ordinaryCalls({ ...source, methods: [method] });
    const [call] = group ? fc.sample(group.calls, { seed, numRuns: 1 }) : [];
    if (!call || run.isDropped(method) || run.isOutOfTime) continue;
    const samples: number[] = [];
    for (let round = 0; round < MEMORY_ROUNDS.rounds; round += 1) {
      for (let made = 0; made < MEMORY_ROUNDS.calls && !run.isOutOfTime; made += 1) await run.attempt(call);
      samples.push(await residentBytes(pid).catch(() => 0));
    }
    if (run.isOutOfTime || !isGrowth(samples)) continue;
    const detail = describeGrowth(samples);
    run.record({ kind: 'memory growth', detail, cause: '', call, count: run.callsOf(method) });
  }
}

async function requireProcess(pid: number): Promise<void> {
  try {
    await residentBytes(pid);
  } catch (error) {
    throw new FuzzError(`there is no process ${pid}, or its memory cannot be read`, { cause: error });
  }
}

async function chooseWires(
  names: readonly WireName[] | undefined,
  probe: Parameters<typeof isSpoken>[1],
): Promise<readonly FuzzWire[]> {
  if (names) return FUZZ_WIRES.filter(({ name }) => names.includes(name));
  const spoken: FuzzWire[] = [];
  for (const wire of FUZZ_WIRES) if (await isSpoken(wire, probe)) spoken.push(wire);
  if (spoken.length > 0) return spoken;
  throw new FuzzError('it answers neither Connect nor gRPC nor gRPC-Web');
}

function shuffle(groups: readonly CallGroup[], seed: number): CallGroup[] {
  if (groups.length === 0) return [];
  const [order = []] = fc.sample(fc.shuffledSubarray([...groups], { minLength: groups.length }), { seed, numRuns: 1 });
  return order;
}

function toFinding(
  { kind, detail, cause, call, count, sequence }: FoundProblem,
  target: ReproductionTarget,
): FuzzFinding {
  return {
    kind,
    rpc: nameOf(call.method),
    wire: call.wire.name,
    detail,
    cause,
    calls: count,
    ...reproduce(call, target),
    ...(sequence && {
      sequence: sequence.map((step) => ({
        rpc: nameOf(step.call.method),
        ...reproduce(step.call, target),
        taken: step.taken,
        renewed: step.renewed,
      })),
    }),
  };
}
