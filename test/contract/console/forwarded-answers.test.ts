// What the page gets is what the services sent: every field of every answer, over every protocol, and only for those whom the contract lets.
import type { DescField, DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf';
import { create, toJson } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import type { Role } from '#local/identity/token-issuer.ts';
import { FORWARDED_SERVICES, forwardedMethods } from '#services/console/forwarded-services.ts';
import { decideAccess } from '#services/platform/server/access-policy.ts';
import { headersOf } from '../../support/identity/credentials.ts';
import { clientBy, PROTOCOLS } from '../../support/raw-call.ts';
import { type ConsoleFixture, startConsoleFixture } from '../../support/services/console.ts';

const TARGET = { 'console-target': 'order' };
const methods = [...FORWARDED_SERVICES.map(({ service }) => service), OpsService, ControlService].flatMap(
  forwardedMethods,
);
const cases = methods.map((method) => ({ name: `${method.parent.name}/${method.name}`, method }));

let open: ConsoleFixture;
let guarded: ConsoleFixture;
beforeAll(async () => {
  [open, guarded] = await Promise.all([startConsoleFixture(), startConsoleFixture({ CONSOLE_SIGN_IN: 'on' })]);
});
beforeEach(() => {
  open.shop.reset();
  guarded.shop.reset();
});
afterAll(async () => {
  await open?.[Symbol.asyncDispose]();
  await guarded?.[Symbol.asyncDispose]();
});

/** Calls a method and returns its answers: one, or those of its stream. */
async function call(fixture: ConsoleFixture, method: DescMethod, headers: Record<string, string>): Promise<unknown[]> {
  const client = fixture.client(method.parent, { ...TARGET, ...headers }) as unknown as Record<
    string,
    (request: object) => Promise<unknown> & AsyncIterable<unknown>
  >;
  const answer = client[method.localName]?.({});
  if (answer === undefined) throw new Error(`${method.name} is not called`);
  return method.methodKind === 'unary' ? [await answer] : await Array.fromAsync(answer);
}

describe.each(cases)('$name', ({ method }) => {
  it('is answered with every field of what the service sent', async () => {
    const answer = filled(method.output);
    open.shop.stub(method).replies((method.methodKind === 'unary' ? answer : [answer, answer]) as never);

    const received = await call(open, method, {});

    const json = toJson(method.output, answer);
    expect(JSON.stringify(json).length).toBeGreaterThan(1);
    expect(received.map((message) => toJson(method.output, message as MessageShape<DescMessage>))).toEqual(
      method.methodKind === 'unary' ? [json] : [json, json],
    );
  });

  it('reaches its service for exactly those whom the contract lets', async () => {
    const roles: Role[] = ['customer', 'operator', 'monitor'];
    open.shop.stub(method).replies((method.methodKind === 'unary' ? {} : [{}]) as never);
    guarded.shop.stub(method).replies((method.methodKind === 'unary' ? {} : [{}]) as never);
    const isLocal = method.parent.typeName === ControlService.typeName;
    const isLet = (kind: Role) =>
      isLocal ? kind === 'operator' : decideAccess(method, { kind, id: 'x' }, true).kind === 'allowed';
    const guest = !isLocal && decideAccess(method, { kind: 'guest' }, true).kind === 'allowed';
    const outcomeOf = async (headers: Record<string, string>) =>
      await call(guarded, method, headers).then(
        () => 'served',
        (error: unknown) => Code[ConnectError.from(error).code],
      );

    for (const role of roles) {
      expect([role, await outcomeOf(await headersOf(role, 'x'))]).toEqual([
        role,
        isLet(role) ? 'served' : 'PermissionDenied',
      ]);
    }
    expect(await outcomeOf({})).toBe(guest ? 'served' : 'Unauthenticated');
    expect(guarded.shop.calls(method)).toHaveLength(roles.filter(isLet).length + (guest ? 1 : 0));
  });
});

it.each(PROTOCOLS)('an order is followed over %s', async (protocol) => {
  const { watchOrder } = OrderService.method;
  open.shop.stub(watchOrder, { orderId: 'o1' }).replies([{ order: { orderId: 'o1' } }, { order: { customerId: 'c' } }]);

  const seen = await Array.fromAsync(clientBy(protocol, open.url, OrderService).watchOrder({ orderId: 'o1' }));

  expect(seen.map(({ order }) => [order?.orderId, order?.customerId])).toEqual([
    ['o1', ''],
    ['', 'c'],
  ]);
});

/** A message with a value in every field, and in every field of its messages, down to some depth. */
function filled(schema: DescMessage, depth = 3): MessageShape<DescMessage> {
  const message = create(schema);
  const view = reflect(schema, message);
  if (depth > 0) for (const field of schema.fields) fill(view, field, depth - 1);
  return message;
}

function fill(view: ReflectMessage, field: DescField, depth: number): void {
  const message = (inner: DescMessage) => reflect(inner, filled(inner, depth));
  if (field.fieldKind === 'list') {
    const list = view.get(field);
    list.add(field.listKind === 'message' ? message(field.message) : scalarOf(field));
  } else if (field.fieldKind === 'map') {
    view.get(field).set('key', 'value');
  } else {
    view.set(field, field.fieldKind === 'message' ? message(field.message) : scalarOf(field));
  }
}

function scalarOf(field: DescField): unknown {
  // A time or a duration has an end.
  if (field.parent.typeName.startsWith('google.protobuf.')) return field.name === 'seconds' ? 7n : 7;
  if (field.enum !== undefined) return field.enum.values.at(-1)?.number;
  const name = field.scalar === undefined ? '' : TYPES[field.scalar];
  return name ?? 7;
}

/** By number of google.protobuf.FieldDescriptorProto.Type: 64-bit numbers, bool, string, bytes. */
const TYPES: Readonly<Record<number, unknown>> = {
  3: 9_007_199_254_740_993n,
  4: 9_007_199_254_740_993n,
  8: true,
  9: '<b>\u202Etxet',
  12: new Uint8Array([0, 255]),
};
