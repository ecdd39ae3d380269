import { describe, expect, it } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { HealthService } from '#packages/rpc-server/index.ts';
import { type Caller, GUEST } from '#services/platform/identity/caller.ts';
import { accessOf, decideAccess } from '#services/platform/server/access-policy.ts';
import { EVERY_SERVICE } from '../../../support/identity/every-service.ts';

const { createOrder, listOrders } = OrderService.method;
const { getProduct, reserveStock } = InventoryService.method;
const as = (kind: Exclude<Caller['kind'], 'guest'>, id = 'x'): Caller => ({ kind, id });

it('every method of the contract declares who may call it', () => {
  const methods = EVERY_SERVICE.flatMap((service) => service.methods);
  const undeclared = methods.filter((method) => {
    const access = accessOf(method);
    return access === undefined || access.roles.length + access.services.length === 0;
  });
  expect(methods.length).toBeGreaterThan(20);
  expect(undeclared.map(({ name }) => name)).toEqual([]);
});

describe('a method without the option', () => {
  it('lets no one call it, not even an operator', () => {
    expect(decideAccess(HealthService.method.check, as('operator'), true).kind).toBe('denied');
  });

  it.each([GUEST, as('customer'), as('operator'), as('monitor'), as('service', 'order')])(
    'refuses a caller of the kind $kind',
    (caller) => {
      expect(decideAccess(HealthService.method.check, caller, true)).toEqual({
        kind: 'denied',
        message: 'grpc.health.v1.Health/Check does not declare who may call it',
      });
    },
  );
});

describe('a refusal', () => {
  it('of a guest asks for credentials and says whose', () => {
    expect(decideAccess(listOrders, GUEST, true)).toEqual({
      kind: 'unauthenticated',
      message: 'only a customer or an operator may call shop.order.v1.OrderService/ListOrders',
    });
  });

  it('of a known caller names the service that may call', () => {
    expect(decideAccess(reserveStock, as('operator'), true)).toEqual({
      kind: 'denied',
      message: 'only the order service may call shop.inventory.v1.InventoryService/ReserveStock',
    });
  });
});

it('a service is known by its whole name', () => {
  const decisions = ['order', 'orders', 'orde', 'Order', ''].map(
    (name) => decideAccess(reserveStock, as('service', name), false).kind,
  );
  expect(decisions).toEqual(['allowed', 'denied', 'denied', 'denied', 'denied']);
});

it('a person who is called like a service is not that service', () => {
  expect(decideAccess(reserveStock, as('customer', 'order'), false).kind).toBe('denied');
});

it('guests may call what is open to them only where guest orders are on', () => {
  expect(decideAccess(createOrder, GUEST, true).kind).toBe('allowed');
  expect(decideAccess(createOrder, GUEST, false).kind).toBe('unauthenticated');
  expect(decideAccess(getProduct, GUEST, false).kind).toBe('allowed');
});
