// The stages of an experiment, and that no way through them leaves the fault on.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { runExperiment } from '../../../chaos/experiments/runner/run-experiment.ts';
import { plainEnvironment, plainExperiment, UNWELL, WELL } from './fixtures.ts';

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

/** Runs to the end, with all the waiting that is in it. */
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
  it('looks at the steady state, breaks, looks, restores, looks again, and has the invariants judged', async () => {
    const environment = plainEnvironment();
    const outcome = await run(plainExperiment(), environment);

    expect(outcome).toMatchObject({ verdict: 'upheld', reasons: [], measureEffect: { count: 1 } });
    expect(outcome.findings.map(({ claim }) => claim)).toEqual(['It answers', 'It recovers', 'Customers are content']);
    const steps = [
      'steady',
      'customers come',
      'inject',
      'observe',
      'remove',
      'recover',
      'steady',
      'customers go',
      'judge',
    ];
    expect(environment.subject.steps).toEqual(steps);
  });

  it('is refuted by a planted violation of an invariant', async () => {
    const judge = async () => ({ held: 2, violations: ['charged-once: order 7 was charged twice'] });

    expect(await run(plainExperiment(), plainEnvironment({ judge }))).toMatchObject({
      verdict: 'refuted',
      reasons: ['invariant broken: charged-once: order 7 was charged twice'],
    });
  });

  it('is refuted by a claim that does not hold, and by customers who saw what they must not', async () => {
    const observe = plainExperiment({
      observe: async ({ check }) => {
        check('It answers in time', { holds: false, seen: '9 s' });
        return 'what was observed';
      },
    });
    const startCustomers = () => ({ finish: async () => [{ claim: 'Customers are content', ...UNWELL }] });

    const outcome = await run(observe, plainEnvironment({ startCustomers }));

    expect(outcome.verdict).toBe('refuted');
    expect(outcome.reasons).toEqual(['It answers in time: 9 s', 'Customers are content: nothing is well']);
  });

  it('tells that its fault did not measureEffect when the measuredBy counts nothing', async () => {
    const harmless = plainExperiment({
      inject: async () => ({
        measureEffect: () => ({ count: 0, seen: 'the proxies harmed nothing' }),
        remove: async () => undefined,
      }),
    });

    expect(await run(harmless, plainEnvironment())).toMatchObject({
      verdict: 'fault did not measureEffect',
      reasons: ['the proxies harmed nothing'],
    });
  });

  it('is aborted, nothing being broken, when there is no steady state to begin with', async () => {
    const environment = plainEnvironment({ isSteady: async () => UNWELL });

    expect(await run(plainExperiment(), environment)).toMatchObject({
      verdict: 'aborted',
      reasons: ['no steady state to begin with: nothing is well'],
    });
    expect(environment.subject.steps).toEqual([]);
  });

  it('is refuted when the steady state does not come back', async () => {
    const isSteady = vi.fn(async () => UNWELL).mockResolvedValueOnce(WELL);

    expect(await run(plainExperiment(), plainEnvironment({ isSteady }))).toMatchObject({
      verdict: 'refuted',
      reasons: ['the steady state did not come back: nothing is well'],
    });
  });

  it('takes the word of a look that fails as that of one that does not hold', async () => {
    const isSteady = async () => Promise.reject(new Error('connect to postgres://shop:secret@host failed'));

    const { steadyBefore } = await run(plainExperiment(), plainEnvironment({ isSteady }));

    expect(steadyBefore).toEqual({ holds: false, seen: 'connect to postgres://shop:[secret]@host failed' });
  });
});

describe('the abort condition', () => {
  it('calls off after three bad looks in a row, removes the fault, and has the invariants judged all the same', async () => {
    const watch = vi
      .fn(async () => UNWELL)
      .mockResolvedValueOnce(UNWELL)
      .mockResolvedValueOnce(WELL);
    const experiment = plainExperiment({
      abort: { when: 'It screams', limitMs: 60_000, watch },
      observe: forever,
    });
    const environment = plainEnvironment();

    expect(await run(experiment, environment)).toMatchObject({ verdict: 'aborted', reasons: ['nothing is well'] });
    expect(watch).toHaveBeenCalledTimes(5);
    expect(environment.subject.isBroken).toBe(false);
    expect(environment.subject.steps).not.toContain('recover');
    expect(environment.subject.steps).toContain('judge');
  });

  it('calls off when the fault is on for too long', async () => {
    const experiment = plainExperiment({ observe: forever });

    expect(await run(experiment, plainEnvironment())).toMatchObject({
      verdict: 'aborted',
      reasons: ['the fault was on for more than 10000 ms'],
    });
  });
});

describe('the fault', () => {
  it('is removed when the experiment itself fails, which refutes it', async () => {
    const experiment = plainExperiment({ observe: () => Promise.reject(new Error('the order service hung up')) });
    const environment = plainEnvironment();

    expect(await run(experiment, environment)).toMatchObject({
      verdict: 'refuted',
      reasons: ['the fault could be done and looked at: the order service hung up'],
    });
    expect(environment.subject.isBroken).toBe(false);
  });

  it('is removed when the run is called off from outside, and nothing is ruled', async () => {
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

  it('that cannot be measured in time is removed, and is one that did not measureEffect', async () => {
    const environment = plainEnvironment();
    const remove = vi.fn(async () => undefined);
    const experiment = plainExperiment({ inject: async () => ({ measureEffect: forever, remove }) });

    expect(await run(experiment, environment)).toMatchObject({
      verdict: 'fault did not measureEffect',
      measureEffect: undefined,
    });
    expect(remove).toHaveBeenCalledOnce();
  });
});

describe('a look for something that takes its time', () => {
  it('is repeated until it holds, and noted with the last thing seen when it never does', async () => {
    const looks = [UNWELL, UNWELL, WELL];
    const experiment = plainExperiment({
      observe: async ({ eventually }) => {
        await eventually('It gets well', 5_000, async () => looks.shift() ?? UNWELL);
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
