import { describe, expect, it } from 'vitest';
import { type Component, createLifecycle, groupComponents } from '#services/platform/base/lifecycle.ts';
import { recordLog } from '../support/recorded-log.ts';

/** Components that record their calls. */
function createComponents() {
  const seen: string[] = [];
  const component = (name: string, overrides: Partial<Component> = {}): Component => ({
    name,
    start: async () => void seen.push(`start ${name}`),
    stop: async () => void seen.push(`stop ${name}`),
    ...overrides,
  });
  return { seen, component };
}

const failing = (words: string) => () => Promise.reject(new Error(words));

describe('a lifecycle', () => {
  it('starts its components in their order and stops them in reverse', async () => {
    const { seen, component } = createComponents();
    const lifecycle = createLifecycle(
      [component('database'), component('broker'), component('server')],
      recordLog().log,
    );

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

  it('starts a component only when the previous one has started', async () => {
    const { seen, component } = createComponents();
    const slow = Promise.withResolvers<void>();
    const lifecycle = createLifecycle(
      [component('database', { start: () => slow.promise }), component('server')],
      recordLog().log,
    );

    const starting = lifecycle.start();
    expect(seen).toEqual([]);
    slow.resolve();
    await starting;

    expect(seen).toEqual(['start server']);
  });

  it('stops a component that has no start of its own', async () => {
    const { seen } = createComponents();
    const lifecycle = createLifecycle(
      [{ name: 'pool', stop: async () => void seen.push('stop pool') }],
      recordLog().log,
    );

    await lifecycle.start();
    await lifecycle.stop();

    expect(seen).toEqual(['stop pool']);
  });

  it('does nothing on a stop before any start', async () => {
    const { seen, component } = createComponents();

    await createLifecycle([component('server')], recordLog().log).stop();

    expect(seen).toEqual([]);
  });
});

describe('a start that fails half-way', () => {
  it('stops the failed component and those before it, starts none after it, and throws the error', async () => {
    const { seen, component } = createComponents();
    const lifecycle = createLifecycle(
      [component('database'), component('server', { start: failing('port taken') }), component('consumer')],
      recordLog().log,
    );

    await expect(lifecycle.start()).rejects.toThrow('port taken');

    expect(seen).toEqual(['start database', 'stop server', 'stop database']);
  });

  it('throws its own error, and logs the other, when a component fails to stop as well', async () => {
    const { component } = createComponents();
    const { log, messages } = recordLog();
    const lifecycle = createLifecycle(
      [
        component('database', { stop: failing('pool is stuck') }),
        component('server', { start: failing('port taken') }),
      ],
      log,
    );

    await expect(lifecycle.start()).rejects.toThrow('port taken');

    expect(messages('error')).toEqual(['could not be stopped']);
  });

  it('leaves nothing to stop', async () => {
    const { seen, component } = createComponents();
    const lifecycle = createLifecycle(
      [component('database'), component('server', { start: failing('port taken') })],
      recordLog().log,
    );
    await expect(lifecycle.start()).rejects.toThrow();
    seen.length = 0;

    await lifecycle.stop();

    expect(seen).toEqual([]);
  });
});

describe('a stop', () => {
  it('stops every component even when some fail to, and throws all their errors', async () => {
    const { seen, component } = createComponents();
    const lifecycle = createLifecycle(
      [
        component('database'),
        component('broker', { stop: failing('broker') }),
        component('server', { stop: failing('server') }),
      ],
      recordLog().log,
    );
    await lifecycle.start();

    const error: unknown = await lifecycle.stop().catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(String)).toEqual(['Error: server', 'Error: broker']);
    expect(seen).toContain('stop database');
  });

  it('is one stop however often it is called', async () => {
    const { seen, component } = createComponents();
    const lifecycle = createLifecycle([component('server')], recordLog().log);
    await lifecycle.start();

    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();

    expect(seen).toEqual(['start server', 'stop server']);
  });

  it('during a start prevents further components from starting', async () => {
    const { seen, component } = createComponents();
    const slow = Promise.withResolvers<void>();
    const lifecycle = createLifecycle(
      [component('database', { start: () => slow.promise }), component('server')],
      recordLog().log,
    );
    const starting = lifecycle.start();

    await lifecycle.stop();
    slow.resolve();
    await starting;

    expect(seen).toEqual(['stop database']);
  });

  it('while a failed start is still cleaning up waits for it', async () => {
    const { seen, component } = createComponents();
    const slow = Promise.withResolvers<void>();
    const stopSlowly = async () => {
      await slow.promise;
      seen.push('stop database');
    };
    const lifecycle = createLifecycle(
      [component('database', { stop: stopSlowly }), component('server', { start: failing('port taken') })],
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
    const { seen, component } = createComponents();
    const slow = Promise.withResolvers<void>();
    const group = groupComponents('front', [component('server', { start: () => slow.promise }), component('consumer')]);

    const starting = group.start?.();
    expect(seen).toEqual([]);
    slow.resolve();
    await starting;

    expect(seen).toEqual(['start consumer']);
  });

  it('stops all its components at once and waits for the last', async () => {
    const { seen, component } = createComponents();
    const slow = Promise.withResolvers<void>();
    const group = groupComponents('front', [component('server', { stop: () => slow.promise }), component('consumer')]);

    const stopping = group.stop().then(() => seen.push('all stopped'));
    await expect.poll(() => seen).toEqual(['stop consumer']);
    slow.resolve();
    await stopping;

    expect(seen).toEqual(['stop consumer', 'all stopped']);
  });

  it('throws the errors of all components that failed to stop, after the others have stopped', async () => {
    const { seen, component } = createComponents();
    const group = groupComponents('front', [
      component('server', { stop: failing('port is stuck') }),
      component('monitor', { stop: failing('monitor is stuck') }),
      component('consumer'),
    ]);

    await expect(group.stop()).rejects.toThrow('port is stuck; monitor is stuck');

    expect(seen).toEqual(['stop consumer']);
  });
});
