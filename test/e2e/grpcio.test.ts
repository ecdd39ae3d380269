// The platform as seen by Python's grpcio, whose C core limits the size of trailers.
import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BadRequestSchema } from '#gen/google/rpc/error_details_pb.ts';
import { OrderService, CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { callWithGrpcio, GRPCIO_MISSING, hasGrpcio } from '../support/python/grpcio.ts';
import { orderRequest, type TestStack, useSharedStack } from '../support/stack.ts';

const { createOrder } = OrderService.method;
const isMissing = !(await hasGrpcio());

let platform: TestStack;

beforeAll(async () => {
  if (!isMissing) platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

const address = () => new URL(platform.stack.url('order')).host;

it('places an order', async ({ skip }) => {
  skip(isMissing, GRPCIO_MISSING);
  const answer = await callWithGrpcio(address(), createOrder, orderRequest());
  expect(answer).toMatchObject({ reply: { outcome: Outcome.CONFIRMED } });
});

it.for([
  {
    input: '25 items with ids that are too long',
    ids: (n: number) => `${n}-${'x'.repeat(129)}`,
    quantity: 2 ** 31 - 1,
    count: 25,
  },
  { input: '100 unknown products', ids: (n: number) => `unknown-${n}-${randomUUID()}`, quantity: 1, count: 100 },
  {
    input: '100 ids of 128 CJK characters',
    ids: (n: number) => '商'.repeat(125) + String(n).padStart(3, '0'),
    quantity: 1,
    count: 100,
  },
])('reads a bounded BadRequest for $input', async ({ ids, quantity, count }, { skip }) => {
  skip(isMissing, GRPCIO_MISSING);
  const items = Array.from({ length: count }, (_, n) => ({ productId: ids(n), quantity }));

  const answer = await callWithGrpcio(address(), createOrder, orderRequest({ items }));

  if (!('error' in answer)) throw new Error('the order was accepted');
  expect(answer.error.code).toBe(Code.InvalidArgument);
  expect(answer.text).toContain('items');
  expect(answer.text).not.toContain('%3A');
  const violations = answer.error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  expect(violations.length).toBeGreaterThan(0);
  expect(violations.every(({ field }) => field.startsWith('items'))).toBe(true);
});
