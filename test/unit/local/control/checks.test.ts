// The proofs that the control port starts, with programs that a test plays.
import { beforeEach, describe, expect, it } from 'vitest';
import { readChanges } from '#local/control/checks/contract-check.ts';
import { createExperiments } from '#local/control/checks/experiments.ts';
import type { Program } from '#local/control/checks/program.ts';
import { describeRun } from '#services/console/page/src/model/experiments.ts';

type Played = Program & { end(code: number | null): void; stopped: number };
let programs: Played[];

beforeEach(() => {
  programs = [];
});

/** Plays a program: it ends when the test says so, or when it is stopped. */
function play(program: Program) {
  const ending = Promise.withResolvers<{ code: number | null; signal: null }>();
  const played: Played = { ...program, stopped: 0, end: (code) => ending.resolve({ code, signal: null }) };
  programs.push(played);
  const stop = async () => {
    played.stopped += 1;
    ending.resolve({ code: 130, signal: null });
  };
  return { ended: ending.promise, stop };
}

/** The program that was started last. */
const last = () => programs.at(-1)!;
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function listed() {
  const experiments = createExperiments(play, '/reports', () => new Date(0));
  const list = experiments.list();
  for (const line of ['kill-order    kills the order service', 'nats-down     stops the broker', 'not an experiment'])
    last().log(line);
  last().end(0);
  return { experiments, list: await list };
}

describe('the experiments', () => {
  it('are those that the program lists, which is asked once', async () => {
    const { experiments, list } = await listed();

    expect(list).toEqual([
      { name: 'kill-order', title: 'kills the order service' },
      { name: 'nats-down', title: 'stops the broker' },
    ]);
    await experiments.list();
    expect(programs).toHaveLength(1);
  });

  it('are asked for again after they could not be listed', async () => {
    const experiments = createExperiments(play, '/reports');
    const list = experiments.list();
    last().log('Error: broken');
    last().end(1);

    await expect(list).rejects.toMatchObject({ reason: 'NOT_LISTED', message: expect.stringContaining('broken') });
    void experiments.list().catch(() => undefined);
    expect(programs).toHaveLength(2);
  });

  it('run one at a time, for at most ten minutes, with their latest lines', async () => {
    const { experiments } = await listed();
    expect(experiments.latest()).toBeUndefined();

    await experiments.start('nats-down');

    expect(last()).toMatchObject({ arguments: ['nats-down', '--report', '/reports/nats-down'], limitMs: 600_000 });
    await expect(experiments.start('kill-order')).rejects.toMatchObject({ reason: 'EXPERIMENT_RUNNING' });
    for (let line = 0; line < 100; line += 1) last().log(`line ${line}`);
    expect(experiments.latest()).toMatchObject({ running: true, verdict: '', end: undefined });
    expect(experiments.latest()?.lines).toHaveLength(60);
    last().end(2);
    await settled();
    expect(experiments.latest()).toMatchObject({ running: false, verdict: '', end: new Date(0) });
    await experiments.start('kill-order');
    expect(experiments.latest()).toMatchObject({ experiment: 'kill-order', running: true, lines: [] });
  });

  it.each(['', 'nats', '--list', '../nats-down', '__proto__'])('are none named %j', async (name) => {
    const { experiments } = await listed();

    await expect(experiments.start(name)).rejects.toMatchObject({ kind: 'not_found' });
    expect(programs).toHaveLength(1);
  });

  it('are stopped on request, and when the control port closes', async () => {
    const { experiments } = await listed();
    await experiments.stop();
    await experiments.start('nats-down');

    await experiments.stop();
    expect([last().stopped, experiments.latest()?.running]).toEqual([1, false]);
    await experiments.start('nats-down');
    await experiments[Symbol.asyncDispose]();
    expect([last().stopped, experiments.latest()?.running]).toEqual([1, false]);
  });
});

describe('the comparison of contracts', () => {
  const finding = { finding: { path: 'proto/a.proto', line: 1, rule: 'FIELD_NO_DELETE', message: 'gone' } };

  it('bounds what it returns, and refuses an answer that is none', () => {
    const findings = Array.from({ length: 300 }, () => ({ ...finding, verdict: 'unused', consumers: [] }));

    expect(readChanges([JSON.stringify({ findings })])).toHaveLength(100);
    expect(() => readChanges(['error: no usage files'])).toThrow('no usage files');
    expect(() => readChanges([])).toThrow('no answer');
  });
});

it.each([
  [true, '', 'nats-down: running, 5.0 s', 'wait'],
  [false, 'upheld', 'nats-down: upheld, 3.0 s', 'good'],
  [false, 'refuted', 'nats-down: refuted, 3.0 s', 'bad'],
  [false, 'fault had no effect', 'nats-down: fault had no effect, 3.0 s', 'bad'],
  [false, '', 'nats-down: stopped, 3.0 s', 'quiet'],
])('a run that is running: %s with the verdict "%s" is "%s"', (running, verdict, label, tone) => {
  const time = (seconds: bigint) => ({ seconds, nanos: 0 });
  const run = { experiment: 'nats-down', running, verdict, startTime: time(10n), endTime: time(13n) };

  expect(describeRun(run, 15_000)).toEqual({ label, tone });
});
