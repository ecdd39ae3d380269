import { describe, expect, it } from 'vitest';
import { type Component, createLifecycle, groupComponents } from '#services/platform/base/lifecycle.ts';
import { recordLog } from '../support/recorded-log.ts';

/** Parts that note what happens to them. */
function createParts() {
  const seen: string[] = [];
  const part = (name: string, overrides: Partial<Component> = {}): Component => ({
    name,
    start: async () => void seen.push(`start ${name}`),
    stop: async () => void seen.push(`stop ${name}`),
    ...overrides,
  });
  return { seen, part };
}

const failing = (words: string) => () => Promise.reject(new Error(words));

describe('a lifecycle', () => {
  it('starts its components in their order and stops them in reverse', async () => {
    const { seen, part } = createParts();
    const lifecycle = createLifecycle([part('database'), part('broker'), part('server')], recordLog().log);

    await lifecycle.start();
    await lifecycle.stop();

    expect(seen).toEqual([
      'start database',
      'start broker',
      'start server',
      'stop server',
      'stop broker',
      'stop database',
    ]);
  });

  it('starts a part only when the one before it has started', async () => {
    const { seen, part } = createParts();
    const slow = Promise.withResolvers<void>();
    const lifecycle = createLifecycle(
      [part('database', { start: () => slow.promise }), part('server')],
      recordLog().log,
    );

    const starting = lifecycle.start();
    expect(seen).toEqual([]);
    slow.resolve();
    await starting;

    expect(seen).toEqual(['start server']);
  });

  it('stops a part that has no start of its own', async () => {
    const { seen } = createParts();
    const lifecycle = createLifecycle(
      [{ name: 'pool', stop: async () => void seen.push('stop pool') }],
      recordLog().log,
    );

    await lifecycle.start();
    await lifecycle.stop();

    expect(seen).toEqual(['stop pool']);
  });

  it('does nothing on a stop before any start', async () => {
    const { seen, part } = createParts();

    await createLifecycle([part('server')], recordLog().log).stop();

    expect(seen).toEqual([]);
  });
});

describe('a start that fails half-way', () => {
  it('stops the failed part and those before it, starts none after it, and throws the error', async () => {
    const { seen, part } = createParts();
    const lifecycle = createLifecycle(
      [part('database'), part('server', { start: failing('port taken') }), part('consumer')],
      recordLog().log,
    );

    await expect(lifecycle.start()).rejects.toThrow('port taken');

    expect(seen).toEqual(['start database', 'stop server', 'stop database']);
  });

  it('throws its own error, and logs the other, when a part cannot be stopped either', async () => {
    const { part } = createParts();
    const { log, messages } = recordLog();
    const lifecycle = createLifecycle(
      [part('database', { stop: failing('pool is stuck') }), part('server', { start: failing('port taken') })],
      log,
    );

    await expect(lifecycle.start()).rejects.toThrow('port taken');

    expect(messages('error')).toEqual(['could not be stopped']);
  });

  it('leaves nothing to stop', async () => {
    const { seen, part } = createParts();
    const lifecycle = createLifecycle(
      [part('database'), part('server', { start: failing('port taken') })],
      recordLog().log,
    );
    await expect(lifecycle.start()).rejects.toThrow();
    seen.length = 0;

    await lifecycle.stop();

    expect(seen).toEqual([]);
  });
});

describe('a stop', () => {
  it('stops every part even when some fail to, and throws all their errors', async () => {
    const { seen, part } = createParts();
    const lifecycle = createLifecycle(
      [part('database'), part('broker', { stop: failing('broker') }), part('server', { stop: failing('server') })],
      recordLog().log,
    );
    await lifecycle.start();

    const error: unknown = await lifecycle.stop().catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(String)).toEqual(['Error: server', 'Error: broker']);
    expect(seen).toContain('stop database');
  });

  it('is one stop however often it is asked for', async () => {
    const { seen, part } = createParts();
    const lifecycle = createLifecycle([part('server')], recordLog().log);
    await lifecycle.start();

    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();

    expect(seen).toEqual(['start server', 'stop server']);
  });

  it('during a start lets no further part start', async () => {
    const { seen, part } = createParts();
    const slow = Promise.withResolvers<void>();
    const lifecycle = createLifecycle(
      [part('database', { start: () => slow.promise }), part('server')],
      recordLog().log,
    );
    const starting = lifecycle.start();

    await lifecycle.stop();
    slow.resolve();
    await starting;

    expect(seen).toEqual(['stop database']);
  });

  it('while a failed start is still cleaning up waits for it', async () => {
    const { seen, part } = createParts();
    const slow = Promise.withResolvers<void>();
    const stopSlowly = async () => {
      await slow.promise;
      seen.push('stop database');
    };
    const lifecycle = createLifecycle(
      [part('database', { stop: stopSlowly }), part('server', { start: failing('port taken') })],
      recordLog().log,
    );
    const starting = lifecycle.start().catch(String);
    await expect.poll(() => seen).toContain('stop server');

    const stopping = lifecycle.stop().then(() => seen.push('stopped'));
    slow.resolve();
    await Promise.all([starting, stopping]);

    expect(seen.slice(-2)).toEqual(['stop database', 'stopped']);
  });
});

describe('a group', () => {
  it('starts its components in their order, one after the other', async () => {
    const { seen, part } = createParts();
    const slow = Promise.withResolvers<void>();
    const group = groupComponents('front', [part('server', { start: () => slow.promise }), part('consumer')]);

    const starting = group.start?.();
    expect(seen).toEqual([]);
    slow.resolve();
    await starting;

    expect(seen).toEqual(['start consumer']);
  });

  it('stops all its components at once and waits for the last', async () => {
    const { seen, part } = createParts();
    const slow = Promise.withResolvers<void>();
    const group = groupComponents('front', [part('server', { stop: () => slow.promise }), part('consumer')]);

    const stopping = group.stop().then(() => seen.push('all stopped'));
    await expect.poll(() => seen).toEqual(['stop consumer']);
    slow.resolve();
    await stopping;

    expect(seen).toEqual(['stop consumer', 'all stopped']);
  });

  it('throws the errors of all components that could not be stopped, after the others were', async () => {
    const { seen, part } = createParts();
    const group = groupComponents('front', [
      part('server', { stop: failing('port is stuck') }),
      part('monitor', { stop: failing('monitor is stuck') }),
      part('consumer'),
    ]);

    await expect(group.stop()).rejects.toThrow('port is stuck; monitor is stuck');

    expect(seen).toEqual(['stop consumer']);
  });
});
