import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Breaker,
  type BreakerView,
  CircuitOpenError,
  type ClassifyError,
  createBreaker,
  type Outcome,
} from '#services/platform/client/breaker.ts';

const RESET_MS = 5_000;
const T0 = new Date('2026-01-01T00:00:00Z');

/** What a call throws, with its outcome for the breaker. */
class ClassifiedError extends Error {
  readonly outcome: Outcome;
  constructor(outcome: Outcome, message: string = outcome, options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

const classify: ClassifyError = (error) => (error as ClassifiedError).outcome;
const background: ClassifyError = (error) => ((error as ClassifiedError).outcome === 'success' ? 'success' : 'ignored');

function createTestBreaker() {
  const changes: BreakerView[] = [];
  const breaker = createBreaker({
    dependency: 'inventory',
    failures: 5,
    resetMs: RESET_MS,
    onChange: (view) => changes.push(view),
  });
  return { breaker, changes, states: () => changes.map((view) => view.state) };
}

const succeed = (breaker: Breaker) => breaker.execute(async () => 'answer', classify);

async function fail(breaker: Breaker, outcome: Outcome = 'failure', message: string = outcome): Promise<void> {
  await expect(breaker.execute(() => Promise.reject(new ClassifiedError(outcome, message)), classify)).rejects.toThrow(
    message,
  );
}

async function failTimes(breaker: Breaker, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) await fail(breaker);
}

/** Opens the breaker and lets its time pass, so that the next call is the probe. */
async function awaitProbe(breaker: Breaker): Promise<void> {
  await failTimes(breaker, 5);
  vi.advanceTimersByTime(RESET_MS);
}

async function isRefused(breaker: Breaker): Promise<boolean> {
  const call = vi.fn(async () => 'answer');
  const refused = await breaker.execute(call, classify).then(
    () => false,
    (error: unknown) => error instanceof CircuitOpenError,
  );
  expect(call).toHaveBeenCalledTimes(refused ? 0 : 1);
  return refused;
}

beforeEach(() => {
  vi.useFakeTimers({ now: T0 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a closed breaker', () => {
  it('passes on what a call returns and throws, unchanged', async () => {
    const { breaker } = createTestBreaker();
    const thrown = new ClassifiedError('failure');

    await expect(succeed(breaker)).resolves.toBe('answer');
    await expect(breaker.execute(() => Promise.reject(thrown), classify)).rejects.toBe(thrown);
  });

  it.each(['success', 'ignored'] as const)('passes on an error that is %s unchanged', async (outcome) => {
    const { breaker } = createTestBreaker();
    const thrown = new ClassifiedError(outcome);

    await expect(breaker.execute(() => Promise.reject(thrown), classify)).rejects.toBe(thrown);
  });

  it('opens at the fifth consecutive failure', async () => {
    const { breaker } = createTestBreaker();

    await failTimes(breaker, 4);
    expect(breaker.view().state).toBe('closed');
    await fail(breaker);

    expect(breaker.view().state).toBe('open');
  });

  it('stays closed after four failures, a success and four failures', async () => {
    const { breaker } = createTestBreaker();

    await failTimes(breaker, 4);
    await succeed(breaker);
    await failTimes(breaker, 4);

    expect(breaker.view().state).toBe('closed');
  });

  it('counts a refusal as success: it starts to count from zero', async () => {
    const { breaker } = createTestBreaker();

    await failTimes(breaker, 4);
    await fail(breaker, 'success');
    await failTimes(breaker, 4);

    expect(breaker.view().state).toBe('closed');
  });

  it('ignores an ignored outcome: it neither counts nor starts from zero', async () => {
    const { breaker } = createTestBreaker();

    await failTimes(breaker, 4);
    for (let time = 0; time < 10; time += 1) await fail(breaker, 'ignored');
    expect(breaker.view().state).toBe('closed');
    await fail(breaker);

    expect(breaker.view().state).toBe('open');
  });

  it('runs calls concurrently', async () => {
    const { breaker } = createTestBreaker();
    const answers = Array.from({ length: 3 }, () => Promise.withResolvers<number>());

    const calls = answers.map((answer) => breaker.execute(() => answer.promise, classify));
    for (const [index, answer] of answers.entries()) answer.resolve(index);

    await expect(Promise.all(calls)).resolves.toEqual([0, 1, 2]);
  });
});

describe('the error of a change', () => {
  it('is the error that opened it, and none for the other states', async () => {
    const reported: [string, unknown][] = [];
    const breaker = createBreaker({
      dependency: 'inventory',
      failures: 1,
      resetMs: RESET_MS,
      onChange: ({ state }, openedBy) => reported.push([state, openedBy]),
    });
    const thrown = new ClassifiedError('failure');
    await expect(breaker.execute(() => Promise.reject(thrown), classify)).rejects.toBe(thrown);
    vi.advanceTimersByTime(RESET_MS);
    await succeed(breaker);

    expect(reported).toEqual([
      ['open', thrown],
      ['half_open', undefined],
      ['closed', undefined],
    ]);
  });
});

describe('an open breaker', () => {
  it('rejects at once without a call, naming the dependency', async () => {
    const { breaker } = createTestBreaker();
    await failTimes(breaker, 5);
    const call = vi.fn(async () => 'answer');

    await expect(breaker.execute(call, classify)).rejects.toThrow(
      new CircuitOpenError('inventory: the circuit is open'),
    );

    expect(call).not.toHaveBeenCalled();
  });

  it.each([0, -3_600_000, 3_600_000])(
    'rejects for its reset time, also when the wall clock jumps by %d ms',
    async (jump) => {
      const { breaker } = createTestBreaker();
      await failTimes(breaker, 5);
      vi.setSystemTime(T0.getTime() + jump);

      vi.advanceTimersByTime(RESET_MS - 1);
      expect(breaker.throwIfOpen).toThrow(CircuitOpenError);
      expect(await isRefused(breaker)).toBe(true);
      vi.advanceTimersByTime(1);

      expect(breaker.throwIfOpen).not.toThrow();
      expect(await isRefused(breaker)).toBe(false);
    },
  );

  it('shows since when and why', async () => {
    const { breaker } = createTestBreaker();
    await failTimes(breaker, 4);
    vi.advanceTimersByTime(100);
    await fail(breaker, 'failure', 'connection refused');

    expect(breaker.view()).toEqual({
      dependency: 'inventory',
      state: 'open',
      since: new Date(T0.getTime() + 100),
      reason: 'connection refused',
    });
  });

  it('has the cause of the failure as its reason, when there is one', async () => {
    const { breaker } = createTestBreaker();
    await failTimes(breaker, 4);
    const thrown = new ClassifiedError('failure', 'could not be reached', {
      cause: new Error('ECONNREFUSED 127.0.0.1'),
    });

    await expect(breaker.execute(() => Promise.reject(thrown), classify)).rejects.toBe(thrown);

    expect(breaker.view().reason).toBe('ECONNREFUSED 127.0.0.1');
  });

  it('has no password in its reason, which GetStatus returns', async () => {
    const { breaker } = createTestBreaker();
    await failTimes(breaker, 4);

    await fail(breaker, 'failure', 'no smtp://shop:hunter2@mail.example');

    expect(breaker.view().reason).toBe('no smtp://shop:[secret]@mail.example');
  });

  it('keeps its reason when a call that began before fails in another way', async () => {
    const { breaker } = createTestBreaker();
    const late = Promise.withResolvers<string>();
    const running = breaker.execute(() => late.promise, classify).catch(String);
    await failTimes(breaker, 4);
    await fail(breaker, 'failure', 'the one that opened it');

    late.reject(new ClassifiedError('failure', 'a late one'));
    await running;

    expect(breaker.view()).toMatchObject({ state: 'open', reason: 'the one that opened it' });
  });

  it('stays open when a call that began before succeeds', async () => {
    const { breaker } = createTestBreaker();
    const late = Promise.withResolvers<string>();
    const running = breaker.execute(() => late.promise, classify);
    await failTimes(breaker, 5);

    late.resolve('late');
    await expect(running).resolves.toBe('late');

    expect(await isRefused(breaker)).toBe(true);
  });
});

describe('a half-open breaker', () => {
  it('admits one probe and rejects all other calls at once', async () => {
    const { breaker } = createTestBreaker();
    await awaitProbe(breaker);
    const probe = Promise.withResolvers<string>();
    const probing = breaker.execute(() => probe.promise, classify);

    expect(breaker.view().state).toBe('half_open');
    const concurrent = await Promise.all(Array.from({ length: 20 }, () => isRefused(breaker)));
    probe.resolve('answer');
    await probing;

    expect(concurrent).toEqual(Array.from({ length: 20 }, () => true));
  });

  it('admits one of many simultaneous calls', async () => {
    const { breaker } = createTestBreaker();
    await awaitProbe(breaker);

    const refused = await Promise.all(Array.from({ length: 20 }, () => isRefused(breaker)));

    expect(refused.filter((one) => !one)).toHaveLength(1);
  });

  it('closes after a successful probe and counts from zero', async () => {
    const { breaker } = createTestBreaker();
    await awaitProbe(breaker);

    await succeed(breaker);
    expect(breaker.view()).toMatchObject({ state: 'closed', reason: '' });
    await failTimes(breaker, 4);

    expect(breaker.view().state).toBe('closed');
  });

  it('closes when its probe is refused by a healthy dependency', async () => {
    const { breaker } = createTestBreaker();
    await awaitProbe(breaker);

    await fail(breaker, 'success');

    expect(breaker.view().state).toBe('closed');
  });

  it.each(['failure', 'ignored'] as const)('opens again after a probe whose outcome is %s', async (outcome) => {
    const { breaker } = createTestBreaker();
    await awaitProbe(breaker);

    await fail(breaker, outcome);

    expect(breaker.view().state).toBe('open');
    vi.advanceTimersByTime(RESET_MS - 1);
    expect(await isRefused(breaker)).toBe(true);
  });

  it('throws what the probe threw', async () => {
    const { breaker } = createTestBreaker();
    await awaitProbe(breaker);
    const thrown = new ClassifiedError('ignored', 'cancelled');

    await expect(breaker.execute(() => Promise.reject(thrown), classify)).rejects.toBe(thrown);
  });

  it('admits another probe after each further wait', async () => {
    const { breaker } = createTestBreaker();
    await awaitProbe(breaker);
    for (let round = 0; round < 3; round += 1) {
      await fail(breaker);
      vi.advanceTimersByTime(RESET_MS);
    }

    await succeed(breaker);

    expect(breaker.view().state).toBe('closed');
  });
});

describe('background work', () => {
  it('opens no breaker, however often it fails', async () => {
    const { breaker } = createTestBreaker();

    for (let time = 0; time < 20; time += 1) {
      await expect(breaker.execute(() => Promise.reject(new ClassifiedError('failure')), background)).rejects.toThrow(
        'failure',
      );
    }

    expect(breaker.view().state).toBe('closed');
  });

  it('is refused by an open breaker', async () => {
    const { breaker } = createTestBreaker();
    await failTimes(breaker, 5);

    await expect(breaker.execute(async () => 'answer', background)).rejects.toThrow(CircuitOpenError);
  });

  it('may be the probe that closes it, or that opens it again', async () => {
    const { breaker } = createTestBreaker();
    await awaitProbe(breaker);

    await expect(breaker.execute(() => Promise.reject(new ClassifiedError('failure')), background)).rejects.toThrow(
      'failure',
    );
    expect(breaker.view().state).toBe('open');
    vi.advanceTimersByTime(RESET_MS);
    await breaker.execute(async () => 'answer', background);

    expect(breaker.view().state).toBe('closed');
  });
});

describe('a change', () => {
  it('is reported once, with the view after it', async () => {
    const { breaker, changes } = createTestBreaker();
    await awaitProbe(breaker);
    await fail(breaker, 'failure', 'still away');
    vi.advanceTimersByTime(RESET_MS);
    await succeed(breaker);

    expect(changes.map(({ state, reason }) => [state, reason])).toEqual([
      ['open', 'failure'],
      ['half_open', 'failure'],
      ['open', 'still away'],
      ['half_open', 'still away'],
      ['closed', ''],
    ]);
    expect(changes.map((view) => view.since!.getTime() - T0.getTime())).toEqual([0, 5_000, 5_000, 10_000, 10_000]);
  });

  it('is reported once when many calls fail together', async () => {
    const { breaker, states } = createTestBreaker();

    await Promise.all(Array.from({ length: 50 }, () => fail(breaker)));

    expect(states()).toEqual(['open']);
  });
});

it('has no since and no reason while it never changed', async () => {
  const { breaker } = createTestBreaker();
  await failTimes(breaker, 3);

  expect(breaker.view()).toEqual({ dependency: 'inventory', state: 'closed', since: undefined, reason: '' });
});
