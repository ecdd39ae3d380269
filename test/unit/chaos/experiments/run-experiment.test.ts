// The steps of an experiment. Whatever happens, the fault is removed.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { runExperiment } from '../../../chaos/experiments/runner/run-experiment.ts';
import { plainEnvironment, plainExperiment, UNWELL, WELL } from './fixtures.ts';

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

/** Runs an experiment to its end, advancing the fake timers. */
async function run(...given: Parameters<typeof runExperiment<ReturnType<typeof plainEnvironment>['subject']>>) {
  const outcome = runExperiment(...given);
  const settled = outcome.catch(() => undefined);
  let isOver = false;
  void settled.then(() => {
    isOver = true;
  });
  for (let seconds = 0; !isOver && seconds < 300; seconds += 1) await vi.advanceTimersByTimeAsync(1_000);
  return await outcome;
}

const forever = () => new Promise<never>(() => undefined);

describe('an experiment', () => {
  it('probes the steady state, injects the fault, observes, removes it, probes again, and judges the invariants', async () => {
    const environment = plainEnvironment();
    const outcome = await run(plainExperiment(), environment);

    expect(outcome).toMatchObject({ verdict: 'upheld', reasons: [], effect: { count: 1 } });
    expect(outcome.findings.map(({ claim }) => claim)).toEqual([
      'It answers',
      'It recovers',
      'Customers see no errors',
    ]);
    const steps = [
      'steady',
      'customers start',
      'inject',
      'observe',
      'remove',
      'recover',
      'steady',
      'customers finish',
      'judge',
    ];
    expect(environment.subject.steps).toEqual(steps);
  });

  it('is refuted by a violated invariant', async () => {
    const judge = async () => ({ held: 2, violations: ['charged-once: order 7 was charged twice'] });

    expect(await run(plainExperiment(), plainEnvironment({ judge }))).toMatchObject({
      verdict: 'refuted',
      reasons: ['invariant violated: charged-once: order 7 was charged twice'],
    });
  });

  it('is refuted by a claim that does not hold, and by an unexpected error of the background load', async () => {
    const observe = plainExperiment({
      observe: async ({ check }) => {
        check('It answers in time', { holds: false, seen: '9 s' });
        return 'what was observed';
      },
    });
    const startCustomers = () => ({ finish: async () => [{ claim: 'Customers see no errors', ...UNWELL }] });

    const outcome = await run(observe, plainEnvironment({ startCustomers }));

    expect(outcome.verdict).toBe('refuted');
    expect(outcome.reasons).toEqual(['It answers in time: 9 s', 'Customers see no errors: nothing is well']);
  });

  it('reports a fault without an effect when the measured count is zero', async () => {
    const ineffective = plainExperiment({
      inject: async () => ({
        measureEffect: () => ({ count: 0, seen: 'the proxies affected nothing' }),
        remove: async () => undefined,
      }),
    });

    expect(await run(ineffective, plainEnvironment())).toMatchObject({
      verdict: 'fault had no effect',
      reasons: ['the proxies affected nothing'],
    });
  });

  it('is aborted without a fault when there is no steady state before', async () => {
    const environment = plainEnvironment({ isSteady: async () => UNWELL });

    expect(await run(plainExperiment(), environment)).toMatchObject({
      verdict: 'aborted',
      reasons: ['no steady state before the fault: nothing is well'],
    });
    expect(environment.subject.steps).toEqual([]);
  });

  it('is refuted when the steady state does not return', async () => {
    const isSteady = vi.fn(async () => UNWELL).mockResolvedValueOnce(WELL);

    expect(await run(plainExperiment(), plainEnvironment({ isSteady }))).toMatchObject({
      verdict: 'refuted',
      reasons: ['the steady state did not return: nothing is well'],
    });
  });

  it('treats a probe that throws as one that does not hold', async () => {
    const isSteady = async () => Promise.reject(new Error('connect to postgres://shop:secret@host failed'));

    const { steadyBefore } = await run(plainExperiment(), plainEnvironment({ isSteady }));

    expect(steadyBefore).toEqual({ holds: false, seen: 'connect to postgres://shop:[secret]@host failed' });
  });
});

describe('the abort condition', () => {
  it('aborts after three failed probes in a row, removes the fault, and still judges the invariants', async () => {
    const watch = vi
      .fn(async () => UNWELL)
      .mockResolvedValueOnce(UNWELL)
      .mockResolvedValueOnce(WELL);
    const experiment = plainExperiment({
      abort: { when: 'An alarm is raised', limitMs: 60_000, watch },
      observe: forever,
    });
    const environment = plainEnvironment();

    expect(await run(experiment, environment)).toMatchObject({ verdict: 'aborted', reasons: ['nothing is well'] });
    expect(watch).toHaveBeenCalledTimes(5);
    expect(environment.subject.isBroken).toBe(false);
    expect(environment.subject.steps).not.toContain('recover');
    expect(environment.subject.steps).toContain('judge');
  });

  it('aborts when the fault lasts too long', async () => {
    const experiment = plainExperiment({ observe: forever });

    expect(await run(experiment, plainEnvironment())).toMatchObject({
      verdict: 'aborted',
      reasons: ['the fault lasted longer than 10000 ms'],
    });
  });
});

describe('the fault', () => {
  it('is removed when the experiment itself fails, which refutes it', async () => {
    const experiment = plainExperiment({ observe: () => Promise.reject(new Error('the order service hung up')) });
    const environment = plainEnvironment();

    expect(await run(experiment, environment)).toMatchObject({
      verdict: 'refuted',
      reasons: ['the fault is injected and observed: the order service hung up'],
    });
    expect(environment.subject.isBroken).toBe(false);
  });

  it('is removed when the run is interrupted, and there is no verdict', async () => {
    const stop = new AbortController();
    const environment = plainEnvironment({ signal: stop.signal });
    const experiment = plainExperiment({
      observe: () => {
        stop.abort(new Error('called off'));
        return forever();
      },
    });

    await expect(run(experiment, environment)).rejects.toThrow('called off');
    expect(environment.subject.isBroken).toBe(false);
    expect(environment.subject.steps).not.toContain('judge');
  });

  it('that cannot be measured in time is removed, and counts as one without an effect', async () => {
    const environment = plainEnvironment();
    const remove = vi.fn(async () => undefined);
    const experiment = plainExperiment({ inject: async () => ({ measureEffect: forever, remove }) });

    expect(await run(experiment, environment)).toMatchObject({
      verdict: 'fault had no effect',
      effect: undefined,
    });
    expect(remove).toHaveBeenCalledOnce();
  });
});

describe('an eventual claim', () => {
  it('is probed until it holds, and recorded with the last result when it never does', async () => {
    const results = [UNWELL, UNWELL, WELL];
    const experiment = plainExperiment({
      observe: async ({ eventually }) => {
        await eventually('It gets well', 5_000, async () => results.shift() ?? UNWELL);
        await eventually('It gets rich', 1_000, async () => UNWELL);
      },
    });

    const { findings } = await run(experiment, plainEnvironment());

    expect(findings.slice(0, 2)).toEqual([
      { claim: 'It gets well', holds: true, seen: expect.stringMatching(/^all is well, after \d\.\d s$/) },
      { claim: 'It gets rich', holds: false, seen: expect.stringMatching(/^nothing is well, after 1\.\d s$/) },
    ]);
  });
});
