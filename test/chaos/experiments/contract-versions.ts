// Clients and events with older and newer versions of the contract, next to the current one.
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { type ActiveFault, defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import {
  addEnumValue,
  addTextField,
  callWithContract,
  readReleasedContract,
  removeFields,
  type SeenAnswer,
} from './runner/modified-contracts.ts';
import { changeOrderDatabase } from './runner/order-database.ts';
import { areChargedOnce, drawKey, failureOf, haveStatus, placeOrder } from './runner/orders.ts';
import type { Platform } from './runner/platform.ts';
import { isStillServing } from './runner/steady-state.ts';

const SERVICE = 'shop.order.v1.OrderService';
const TIMEOUT_MS = 5_000;
const UNKNOWN_STATUS = 99;
// Field 1000, a string, and `reason` with the value 99: what a newer order service would write.
const EXTRA_FIELD = "'\\xc23e086e65776572212121'::bytea";
const UNKNOWN_REASON = "'\\x1863'::bytea";

type ContractClient = { readonly name: string; readonly contract: FileDescriptorSet; readonly transport: Transport };

export const contractVersions = defineExperiment({
  name: 'contract-versions',
  title: 'Older and newer versions of the contract are in use',
  hypothesis:
    'A client whose contract lacks fields orders and reads as usual; the fields that a newer client adds are ignored, and an unknown ' +
    'enum value is refused by name. Consumers apply events with an unknown field and an unknown reason.',
  fault:
    'Clients with the released contract, with one that lacks newer fields of an order, and with one that has a future field and a future ' +
    'status, over Connect in binary and JSON and over gRPC. Every event of the order service gets a future field, and every OrderFailed ' +
    'a future reason.',
  blastRadius: 'These clients, and every event of the order service during the fault.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy:
    'The number of unknown fields that the older client sees; a database sequence that counts the changed events.',
  scenariosPerSecond: 3,
  platform: 'shared',
  inject: ({ subject }) => changeEvents(subject),
  observe: async (context: ExperimentContext) => {
    const { subject, random, check } = context;
    const older = await makeOlder();
    const newer = await makeNewer();
    const clients: ContractClient[] = [
      {
        name: 'the released contract, over Connect',
        contract: await readReleasedContract(),
        transport: connect(subject),
      },
      { name: 'an older one, over gRPC', contract: older, transport: grpc(subject) },
      { name: 'a newer one, over Connect', contract: newer, transport: connect(subject) },
      { name: 'a newer one, in JSON', contract: newer, transport: connect(subject, false) },
    ];
    const placed: { orderId: string }[] = [];
    for (const client of clients) {
      const extra = client.contract === newer ? { gift_message: 'for later' } : {};
      const answer = await order(client, drawKey(random), extra);
      const { orderId = '' } = (answer.json.order ?? {}) as { orderId?: string };
      placed.push({ orderId });
      check(`A client with ${client.name} orders`, {
        holds: answer.json.outcome === 'OUTCOME_CONFIRMED',
        seen: `${String(answer.json.outcome)}, ${answer.unknownFields} fields unknown to it`,
      });
      if (client.contract === older) {
        check('and sees unknown fields in the answer', {
          holds: answer.unknownFields > 0,
          seen: `${answer.unknownFields} unknown`,
        });
      }
    }
    const refusal = await failureOf(listByUnknownStatus({ name: '', contract: newer, transport: connect(subject) }));
    check('A future status is refused by its name', {
      holds: /invalid_argument.*status/s.test(refusal?.words ?? ''),
      seen: refusal?.words ?? 'it was accepted',
    });
    const declined = await placeOrder(subject, random, { paymentMethod: 'pm_insufficient_funds' });
    return { placed, declined };
  },
  recover: async ({ subject, eventually }, { placed, declined }) => {
    await eventually('All these orders are CONFIRMED', 20_000, () => haveStatus(subject, placed));
    await eventually('and are charged exactly once', 5_000, () => areChargedOnce(subject, placed));
    await eventually('The declined order is FAILED', 20_000, () => haveStatus(subject, [declined], 'FAILED'));
  },
});

async function changeEvents(platform: Platform): Promise<ActiveFault> {
  await changeOrderDatabase(platform, [
    'create sequence chaos_changed minvalue 0 start 0',
    "select nextval('chaos_changed')",
    `create function chaos_change() returns trigger language plpgsql as $$
     begin
       new.payload := new.payload || ${EXTRA_FIELD};
       if new.subject = 'shop.order.v1.OrderFailed' then new.payload := new.payload || ${UNKNOWN_REASON}; end if;
       perform nextval('chaos_changed');
       return new;
     end $$`,
    'create trigger chaos_change before insert on outbox for each row execute function chaos_change()',
  ]);
  return {
    measureEffect: async () => {
      const [row] = await changeOrderDatabase(platform, ['select last_value::int as count from chaos_changed']);
      const count = Number(row?.count ?? 0);
      return { count, seen: `${count} events were given a future field` };
    },
    remove: async () => {
      await changeOrderDatabase(platform, [
        'drop trigger if exists chaos_change on outbox',
        'drop function if exists chaos_change',
        'drop sequence if exists chaos_changed',
      ]);
    },
  };
}

async function makeOlder(): Promise<FileDescriptorSet> {
  const contract = await readReleasedContract();
  removeFields(contract, 'shop.order.v1.Order', ['pricing_version', 'timeline']);
  return contract;
}

async function makeNewer(): Promise<FileDescriptorSet> {
  const contract = await readReleasedContract();
  addTextField(contract, 'shop.order.v1.CreateOrderRequest', 'gift_message');
  addEnumValue(contract, 'shop.order.v1.OrderStatus', 'ORDER_STATUS_RETURNED', UNKNOWN_STATUS);
  return contract;
}

function connect({ stack }: Platform, useBinaryFormat = true): Transport {
  return createConnectTransport({ baseUrl: stack.url('order'), httpVersion: '1.1', useBinaryFormat });
}

function grpc({ stack }: Platform): Transport {
  return createGrpcTransport({ baseUrl: stack.url('order') });
}

function order(
  { contract, transport }: ContractClient,
  idempotencyKey: string,
  extra: Record<string, string>,
): Promise<SeenAnswer> {
  const request = {
    idempotencyKey,
    customerId: 'chaos',
    items: [{ productId: '12345', quantity: 1 }],
    paymentMethod: 'pm_approved',
    ...extra,
  };
  return callWithContract(
    contract,
    transport,
    { service: SERVICE, method: 'CreateOrder', timeoutMs: TIMEOUT_MS },
    request,
  );
}

function listByUnknownStatus({ contract, transport }: ContractClient): Promise<SeenAnswer> {
  const call = { service: SERVICE, method: 'ListOrders', timeoutMs: TIMEOUT_MS };
  return callWithContract(contract, transport, call, { status: 'ORDER_STATUS_RETURNED' });
}
