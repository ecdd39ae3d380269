// Callers and events of other versions of the contract, older and newer, beside those of today.
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { type ActiveFault, defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import {
  addEnumValue,
  addTextField,
  callBy,
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
// Field 1000, a text, and `reason` again with the value 99: as a newer order service would write them.
const EXTRA_FIELD = "'\\xc23e086e65776572212121'::bytea";
const UNKNOWN_REASON = "'\\x1863'::bytea";

type Caller = { readonly name: string; readonly contract: FileDescriptorSet; readonly transport: Transport };

export const contractVersions = defineExperiment({
  name: 'contract-versions',
  title: 'Older and newer versions of the contract are used side by side',
  hypothesis:
    'A caller whose contract lacks fields orders and reads as ever; one whose contract has more is understood as far as today goes, and ' +
    'is told clearly about a value that is not known. Consumers apply events that carry a field and a reason they do not know.',
  fault:
    'Callers made from the released contract as it is, from one without the newer fields of an order, and from one with a field and a status of ' +
    'tomorrow, by Connect in binary and in JSON and by gRPC. Every event of the order service gets an additional field, and every OrderFailed ' +
    'a reason of tomorrow.',
  blastRadius: 'These callers, and every event of the order service while it is on.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy:
    'The older caller counts fields of the answers that its contract does not have; a sequence in the database counts the events that were changed.',
  scenariosPerSecond: 3,
  platform: 'shared',
  inject: ({ subject }) => changeEvents(subject),
  observe: async (context: ExperimentContext) => {
    const { subject, random, check } = context;
    const older = await makeOlder();
    const newer = await makeNewer();
    const callers: Caller[] = [
      {
        name: 'the released contract, by Connect',
        contract: await readReleasedContract(),
        transport: connect(subject),
      },
      { name: 'an older one, by gRPC', contract: older, transport: grpc(subject) },
      { name: 'a newer one, by Connect', contract: newer, transport: connect(subject) },
      { name: 'a newer one, in JSON', contract: newer, transport: connect(subject, false) },
    ];
    const placed: { orderId: string }[] = [];
    for (const caller of callers) {
      const extra = caller.contract === newer ? { gift_message: 'for tomorrow' } : {};
      const answer = await order(caller, drawKey(random), extra);
      const { orderId = '' } = (answer.json.order ?? {}) as { orderId?: string };
      placed.push({ orderId });
      check(`A caller with ${caller.name} orders`, {
        holds: answer.json.outcome === 'OUTCOME_CONFIRMED',
        seen: `${String(answer.json.outcome)}, ${answer.unknownFields} fields unknown to it`,
      });
      if (caller.contract === older) {
        check('and does not know all fields of the answer', {
          holds: answer.unknownFields > 0,
          seen: `${answer.unknownFields} unknown`,
        });
      }
    }
    const refusal = await failureOf(listByUnknownStatus({ name: '', contract: newer, transport: connect(subject) }));
    check('A status of tomorrow is refused by its name', {
      holds: /invalid_argument.*status/s.test(refusal?.words ?? ''),
      seen: refusal?.words ?? 'it was taken',
    });
    const declined = await placeOrder(subject, random, { paymentMethod: 'pm_insufficient_funds' });
    return { placed, declined };
  },
  recover: async ({ subject, eventually }, { placed, declined }) => {
    await eventually('All these orders are CONFIRMED', 20_000, () => haveStatus(subject, placed));
    await eventually('and charged exactly once', 5_000, () => areChargedOnce(subject, placed));
    await eventually('One that was declined meanwhile is FAILED', 20_000, () =>
      haveStatus(subject, [declined], 'FAILED'),
    );
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
      return { count, seen: `${count} events were given a field of tomorrow` };
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
  { contract, transport }: Caller,
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
  return callBy(contract, transport, { service: SERVICE, method: 'CreateOrder', timeoutMs: TIMEOUT_MS }, request);
}

function listByUnknownStatus({ contract, transport }: Caller): Promise<SeenAnswer> {
  const how = { service: SERVICE, method: 'ListOrders', timeoutMs: TIMEOUT_MS };
  return callBy(contract, transport, how, { status: 'ORDER_STATUS_RETURNED' });
}
