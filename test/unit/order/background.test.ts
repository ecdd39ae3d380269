// The background workers of the order service: catalogue loader and order resumer.
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ListProductsResponseSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { createCatalogueLoader, type LoadCatalogueOptions } from '#services/order/load-catalogue.ts';
import { createOrderResumer } from '#services/order/resume-orders.ts';
import { unavailable } from '#services/platform/base/errors.ts';
import { currentOperation, injectTrace, installTracing, traceIdOf } from '#services/platform/observability/tracing.ts';
import { callFailure, createFakeSaga, type FakeSaga } from '../../support/services/fake-dependencies.ts';
import {
  blockedOrder,
  cancelledOrder,
  createFakePriceStore,
  euros,
  pendingOrder,
  silentLog,
} from '../../support/services/order-builders.ts';

type ListProducts = LoadCatalogueOptions['inventory']['listProducts'];

/** A catalogue loader for an inventory with two pages of products. */
function createLoader(loaded = false) {
  const pages: Record<string, object> = {
    '': { products: [{ productId: 'a', unitPrice: euros(1n), version: 3n }], nextPageToken: 'page-2' },
    'page-2': { products: [{ productId: 'b', unitPrice: euros(2n), version: 4n }], nextPageToken: '' },
  };
  const listProducts = vi.fn<ListProducts>(async ({ pageToken = '' }) =>
    create(ListProductsResponseSchema, pages[pageToken] ?? {}),
  );
  const prices = createFakePriceStore(loaded);
  const loader = createCatalogueLoader({ inventory: { listProducts }, prices, log: silentLog });
  return { listProducts, prices, loader };
}

describe('the catalogue loader', () => {
  it('reads every page of products, 200 a page', async () => {
    const { listProducts, prices, loader } = createLoader();
    await loader.start();
    await expect.poll(() => prices.loaded).toBe(true);
    await loader.stop();
    expect(listProducts.mock.calls.map(([request]) => request)).toEqual([
      { pageSize: 200, pageToken: '' },
      { pageSize: 200, pageToken: 'page-2' },
    ]);
    expect(prices.prices.get('a')).toEqual({
      productId: 'a',
      unitPrice: expect.objectContaining(euros(1n)),
      version: 3n,
    });
    expect(prices.prices.has('b')).toBe(true);
  });

  it('calls nothing when every product was read before', async () => {
    const { listProducts, loader } = createLoader(true);
    await loader.start();
    await loader.stop();
    expect(listProducts).not.toHaveBeenCalled();
  });

  it('does not mark the catalogue as loaded before the last page', async () => {
    const { listProducts, prices, loader } = createLoader();
    listProducts.mockResolvedValueOnce(create(ListProductsResponseSchema, { products: [], nextPageToken: 'page-2' }));
    listProducts.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    await loader.start();
    await expect.poll(() => listProducts.mock.calls.length).toBe(2);
    await loader.stop();
    expect(prices.loaded).toBe(false);
  });

  it('retries from the first page until inventory answers', async () => {
    const { listProducts, prices, loader } = createLoader();
    listProducts.mockRejectedValueOnce(callFailure('inventory', 'unreachable'));
    await loader.start();
    await expect.poll(() => listProducts.mock.calls.length).toBe(1);
    loader.wake();
    await expect.poll(() => prices.loaded).toBe(true);
    await loader.stop();
    expect(listProducts.mock.calls[1]?.[0]).toEqual({ pageSize: 200, pageToken: '' });
  });

  it('calls inventory no more once the catalogue is loaded', async () => {
    const { listProducts, prices, loader } = createLoader();
    await loader.start();
    await expect.poll(() => prices.loaded).toBe(true);
    loader.wake();
    await loader.stop();
    expect(listProducts).toHaveBeenCalledTimes(2);
  });

  it('skips a product without a price', async () => {
    const { listProducts, prices, loader } = createLoader();
    listProducts.mockResolvedValueOnce(create(ListProductsResponseSchema, { products: [{ productId: 'priceless' }] }));
    await loader.start();
    await expect.poll(() => prices.loaded).toBe(true);
    await loader.stop();
    expect(prices.prices.has('priceless')).toBe(false);
  });

  it('does not replace a newer price from an event', async () => {
    const { prices, loader } = createLoader();
    await prices.put([{ productId: 'a', unitPrice: euros(99n), version: 7n }]);
    await loader.start();
    await expect.poll(() => prices.loaded).toBe(true);
    await loader.stop();
    expect(prices.prices.get('a')?.unitPrice).toEqual(euros(99n));
  });

  it('survives a database outage', async () => {
    const { prices, loader } = createLoader();
    const isLoaded = prices.isLoaded;
    prices.isLoaded = async () => {
      prices.isLoaded = isLoaded;
      throw unavailable({
        reason: 'DATABASE_UNAVAILABLE',
        message: 'the database cannot be reached now',
        retryAfterMs: 1_000,
      });
    };
    await loader.start();
    await expect.poll(() => prices.loaded).toBe(true);
    await loader.stop();
  });
});

/** A resumer whose store returns these claims once. */
function createResumer(
  saga: FakeSaga,
  claims: { attempts: number }[] = [{ attempts: 0 }],
  areDependenciesHealthy = (): boolean => true,
) {
  const claim = vi.fn(async (_limit: number) => {
    const due = claims.splice(0);
    return due.map(({ attempts }) => ({ order: saga.store.current(), attempts, traceparent: '' }));
  });
  return {
    claim,
    resumer: createOrderResumer({
      store: { claim },
      saga,
      budgetMs: 2_500,
      areDependenciesHealthy,
      log: silentLog,
    }),
  };
}

describe('the resumer', () => {
  it('brings a blocked order to its end', async () => {
    const saga = createFakeSaga(blockedOrder());
    const { resumer } = createResumer(saga);
    await resumer.start();
    await expect.poll(() => saga.store.current().status).toBe('CONFIRMED');
    await resumer.stop();
  });

  it('compensates a cancelled order', async () => {
    const saga = createFakeSaga(cancelledOrder());
    const { resumer } = createResumer(saga);
    await resumer.start();
    await expect.poll(() => saga.store.current().owed).toEqual({ release: false, refund: false });
    await resumer.stop();
  });

  it('counts on from the previous attempts', async () => {
    const saga = createFakeSaga(blockedOrder());
    saga.inventory.reserveStock.mockRejectedValue(callFailure('inventory', 'unreachable'));
    const { resumer } = createResumer(saga, [{ attempts: 4 }]);
    await resumer.start();
    await expect.poll(() => saga.store.changes.at(-1)?.resume?.attempts).toBe(5);
    await resumer.stop();
  });

  it('claims at most 8 orders at a time', async () => {
    const { claim, resumer } = createResumer(createFakeSaga(pendingOrder()));
    await resumer.start();
    await expect.poll(() => claim.mock.calls.length).toBeGreaterThan(0);
    await resumer.stop();
    expect(claim.mock.calls[0]).toEqual([8]);
  });

  it('lets a slow order delay no other', async () => {
    const saga = createFakeSaga(blockedOrder());
    const neverAnswered = Promise.withResolvers<never>();
    saga.inventory.reserveStock.mockReturnValueOnce(neverAnswered.promise);
    const claims = [{ attempts: 0 }];
    const { claim, resumer } = createResumer(saga, claims);
    await resumer.start();
    await expect.poll(() => saga.inventory.reserveStock.mock.calls.length).toBe(1);
    claims.push({ attempts: 0 });
    resumer.wake();

    await expect.poll(() => saga.store.current().status).toBe('CONFIRMED');
    expect(claim.mock.calls.at(-1)).toEqual([7]);
    neverAnswered.reject(callFailure('inventory', 'unreachable'));
    await resumer.stop();
  });

  it('continues the trace of the call that placed the order', async () => {
    installTracing();
    const saga = createFakeSaga(blockedOrder());
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const seen: string[] = [];
    saga.onChange.mockImplementation(() => seen.push(traceIdOf(injectTrace().traceparent)));
    const claim = vi.fn(async () =>
      [{ order: saga.store.current(), attempts: 0, traceparent }].slice(claim.mock.calls.length - 1),
    );
    const resumer = createOrderResumer({
      store: { claim },
      saga,
      budgetMs: 2_500,
      areDependenciesHealthy: () => true,
      log: silentLog,
    });
    await resumer.start();
    await expect.poll(() => saga.store.current().status).toBe('CONFIRMED');
    await resumer.stop();

    expect(new Set(seen)).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']));
  });

  it('is named in what it does as an operation of its own', async () => {
    installTracing();
    const saga = createFakeSaga(blockedOrder());
    const seen = new Set<string | undefined>();
    saga.onChange.mockImplementation(() => void seen.add(currentOperation()));
    const { resumer } = createResumer(saga);
    await resumer.start();
    await expect.poll(() => saga.store.current().status).toBe('CONFIRMED');
    await resumer.stop();

    expect([...seen]).toEqual(['resume order']);
  });

  it('is not stopped by an order that fails: other orders go on', async () => {
    const saga = createFakeSaga(pendingOrder(), pendingOrder({ orderId: 'order-2' }));
    saga.inventory.reserveStock.mockRejectedValueOnce(new TypeError('a mistake of ours'));
    const due = [saga.store.current(), saga.store.current('order-2')];
    const claim = vi.fn(async () => due.splice(0).map((order) => ({ order, attempts: 0, traceparent: '' })));
    const resumer = createOrderResumer({
      store: { claim },
      saga,
      budgetMs: 2_500,
      areDependenciesHealthy: () => true,
      log: silentLog,
    });
    await resumer.start();
    await expect.poll(() => saga.store.current('order-2').status).toBe('CONFIRMED');
    await resumer.stop();
    expect(saga.store.current().status).toBe('PENDING');
  });

  it('gives each run its own budget', async () => {
    const saga = createFakeSaga(blockedOrder());
    const { resumer } = createResumer(saga);
    await resumer.start();
    await expect.poll(() => saga.inventory.reserveStock.mock.calls.length).toBe(1);
    await resumer.stop();
    expect(saga.inventory.reserveStock.mock.calls[0]?.[1]?.timeoutMs).toBeGreaterThan(1_900);
  });

  it('finishes a started run before it stops', async () => {
    const saga = createFakeSaga(blockedOrder());
    const { resumer } = createResumer(saga);
    await resumer.start();
    await expect.poll(() => saga.inventory.reserveStock.mock.calls.length).toBe(1);
    await resumer.stop();
    expect(saga.store.current().status).toBe('CONFIRMED');
  });
});

describe('the resumer, without waiting for its period,', () => {
  // Far less than the period.
  const soon = () => vi.advanceTimersByTimeAsync(10);
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('claims the next order as soon as one of a full set is done', async () => {
    const saga = createFakeSaga(blockedOrder());
    const { claim, resumer } = createResumer(saga, Array(8).fill({ attempts: 0 }));
    await resumer.start();
    await soon();
    expect(claim.mock.calls.length).toBeGreaterThan(1);
    await resumer.stop();
  });

  it('runs one order at a time while a dependency is down, and more once it is up', async () => {
    const saga = createFakeSaga(blockedOrder());
    const answer = Promise.withResolvers<never>();
    saga.inventory.reserveStock.mockReturnValueOnce(answer.promise);
    let isHealthy = false;
    const { claim, resumer } = createResumer(saga, [{ attempts: 0 }], () => isHealthy);
    await resumer.start();
    await soon();
    expect(saga.inventory.reserveStock).toHaveBeenCalledOnce();
    resumer.wake();
    await soon();
    expect(claim.mock.calls).toEqual([[1]]);

    isHealthy = true;
    answer.reject(callFailure('inventory', 'unreachable'));
    await soon();
    expect(claim.mock.calls).toEqual([[1], [8]]);
    await resumer.stop();
  });

  it('claims again as soon as it is woken', async () => {
    const saga = createFakeSaga(blockedOrder());
    const claims: { attempts: number }[] = [];
    const { claim, resumer } = createResumer(saga, claims);
    await resumer.start();
    await soon();
    expect(claim).toHaveBeenCalledOnce();
    claims.push({ attempts: 0 });
    resumer.wake();
    await soon();
    expect(saga.store.current().status).toBe('CONFIRMED');
    await resumer.stop();
  });
});
