import { HealthRegistry, ServingStatus } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';

const { SERVING, NOT_SERVING, UNKNOWN } = ServingStatus;

describe('a health registry', () => {
  it('starts as SERVING overall, or as configured', () => {
    expect(new HealthRegistry().get('')).toBe(SERVING);
    expect(new HealthRegistry(NOT_SERVING).get('')).toBe(NOT_SERVING);
  });

  it('lets a registered service follow the overall status until it is set', () => {
    const registry = new HealthRegistry(NOT_SERVING);
    registry.register('orders');
    expect(registry.get('orders')).toBe(NOT_SERVING);

    registry.set('', SERVING);
    expect(registry.get('orders')).toBe(SERVING);

    registry.set('orders', UNKNOWN);
    registry.set('', NOT_SERVING);
    expect(registry.list()).toEqual({ '': NOT_SERVING, orders: UNKNOWN });
  });

  it('knows a service once it is set, and no other', () => {
    const registry = new HealthRegistry();
    registry.set('broker', NOT_SERVING);

    expect([registry.get('broker'), registry.get('orders')]).toEqual([NOT_SERVING, undefined]);
  });

  it('is NOT_SERVING for good after its shutdown', () => {
    const registry = new HealthRegistry();
    registry.register('orders');

    registry.shutDown();
    registry.set('', SERVING);

    expect(registry.list()).toEqual({ '': NOT_SERVING, orders: NOT_SERVING });
    expect(registry.get('unknown')).toBeUndefined();
  });
});

describe('a watch of a health registry', () => {
  it('yields the status and its changes only', async () => {
    const registry = new HealthRegistry();
    const watch = registry.watch('broker', new AbortController().signal);

    expect((await watch.next()).value).toBeUndefined();
    const next = watch.next();
    registry.set('other', NOT_SERVING);
    registry.set('broker', SERVING);
    expect((await next).value).toBe(SERVING);
    const afterwards = watch.next();
    registry.set('broker', SERVING);
    registry.set('broker', NOT_SERVING);
    expect((await afterwards).value).toBe(NOT_SERVING);
    await watch.return(undefined);
  });

  it('skips what a slow reader has missed and yields the newest', async () => {
    const registry = new HealthRegistry();
    const watch = registry.watch('', new AbortController().signal);
    await watch.next();

    registry.set('', NOT_SERVING);
    registry.set('', SERVING);
    registry.set('', UNKNOWN);

    expect((await watch.next()).value).toBe(UNKNOWN);
    await watch.return(undefined);
  });

  it('ends when its signal is aborted, before it is asked or while it waits', async () => {
    const ending = new AbortController();
    const watch = new HealthRegistry().watch('', ending.signal);
    await watch.next();

    const waiting = watch.next();
    ending.abort();

    expect((await waiting).done).toBe(true);
    expect((await new HealthRegistry().watch('', ending.signal).next()).done).toBe(true);
  });
});
