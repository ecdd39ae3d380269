// Clock skew of the leases of orders: first far behind, then ahead.
import { latency } from '@touchstone/kit';
import { type ActiveFault, defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { changeOrderDatabase } from './runner/order-database.ts';
import { areChargedOnce, describeAll, haveStatus, type PlacedOrder, placeOrders, within } from './runner/orders.ts';
import type { Platform } from './runner/platform.ts';
import { isStillServing } from './runner/steady-state.ts';

const BEHIND = '-1 hour';
const AHEAD = '4 seconds';
const ORDERS = 6;
const PAYMENT_DELAY_MS = 900;
const ANSWER_MS = 3_000;
const PROCESS_PAYMENT = 'shop.payment.v1.PaymentService/ProcessPayment';

export const clockSkew = defineExperiment({
  name: 'clock-skew',
  title: 'The clock of the order leases is wrong',
  hypothesis:
    'Leases only save work. With a clock that is an hour behind, they expire at once, so that orders are processed twice concurrently, ' +
    'without any effect on the result. With one that is 4 s ahead, a waiting order waits that much longer and then completes.',
  fault:
    `A trigger shifts the lease and the resume time of every order that is written, as a skewed clock would: by ` +
    `${BEHIND} for half of the orders, then by ${AHEAD} for the rest. Payments take ${PAYMENT_DELAY_MS} ms longer, so that concurrent runs overlap.`,
  blastRadius: 'The orders table. All other clocks are right.',
  abort: { when: 'The order service no longer answers', limitMs: 60_000, watch: isStillServing('order') },
  measuredBy: 'A database sequence that counts the shifted rows; the proxy to payment counts more calls than orders.',
  scenariosPerSecond: 0,
  platform: 'shared',
  inject: ({ subject }) => skewClock(subject),
  observe: async ({ subject, random, check }: ExperimentContext) => {
    const slow = subject.link('order>payment').inject(latency({ delayMs: PAYMENT_DELAY_MS }), { rpc: PROCESS_PAYMENT });
    const behind = await placeOrders(subject, random, ORDERS);
    const calls = slow.seen;
    check('Orders are processed twice while the clock is behind', {
      holds: calls > ORDERS,
      seen: `${calls} calls to ProcessPayment for ${ORDERS} orders`,
    });
    await setSkew(subject, AHEAD);
    // Slower than the deadline of the call, so that the orders have to wait for their next attempt.
    slow.remove();
    const slower = subject.link('order>payment').inject(latency({ delayMs: 2_500 }), { rpc: PROCESS_PAYMENT });
    const ahead = await placeOrders(subject, random, 2);
    slower.remove();
    const placed: PlacedOrder[] = [...behind, ...ahead];
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each order is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    check('None is FAILED', { holds: placed.every(({ outcome }) => outcome !== 'FAILED'), seen: describeAll(placed) });
    return placed;
  },
  recover: async ({ subject, eventually }, placed) => {
    await eventually('Every order completes, those with leases in the future too', 30_000, () =>
      haveStatus(subject, placed),
    );
    await eventually('Each is charged exactly once', 5_000, () => areChargedOnce(subject, placed));
  },
});

async function skewClock(platform: Platform): Promise<ActiveFault> {
  await changeOrderDatabase(platform, [
    'create sequence chaos_shifted minvalue 0 start 0',
    "select nextval('chaos_shifted')",
    'create table chaos_skew (shift interval not null)',
    `insert into chaos_skew values ('${BEHIND}')`,
    `create function chaos_shift() returns trigger language plpgsql as $$
     declare skew interval;
     begin
       select shift into strict skew from chaos_skew;
       new.lease_until := new.lease_until + skew;
       new.resume_time := new.resume_time + skew;
       perform nextval('chaos_shifted');
       return new;
     end $$`,
    'create trigger chaos_shift before insert or update on orders for each row execute function chaos_shift()',
  ]);
  return {
    measureEffect: async () => {
      const [row] = await changeOrderDatabase(platform, ['select last_value::int as count from chaos_shifted']);
      const count = Number(row?.count ?? 0);
      return { count, seen: `${count} rows were written with a shifted lease` };
    },
    remove: async () => {
      for (const handle of platform.link('order>payment').faults()) handle.remove();
      await changeOrderDatabase(platform, [
        'drop trigger if exists chaos_shift on orders',
        'drop function if exists chaos_shift',
        'drop table if exists chaos_skew',
        'drop sequence if exists chaos_shifted',
      ]);
    },
  };
}

async function setSkew(platform: Platform, shift: string): Promise<void> {
  await changeOrderDatabase(platform, [`update chaos_skew set shift = '${shift}'`]);
}
