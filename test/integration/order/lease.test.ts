// The lease of an order, by which only one replica works on it.
import { expect, it } from 'vitest';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { startOrderFixture } from '../../support/services/order.ts';

// A statement may wait for a connection and for its answer, each this long.
const DATABASE_TIMEOUT_MS = 500;

/** SQL that records the time left of the lease at every change of an order, by the clock that the change used. */
const RECORD_LEASES = `
  create table recorded_lease (ms float8);
  create function record_lease() returns trigger language plpgsql security definer as $$
    begin
      insert into recorded_lease values (extract(epoch from new.lease_until - now()) * 1000);
      return null;
    end
  $$;
  create trigger record_lease after insert or update on orders for each row execute function record_lease()`;

it('outlasts the budget of the call that works on the order, and storing what the call has reached', async () => {
  await using fixture = await startOrderFixture({ ORDER_BUDGET_MS: '5000' });
  await fixture.sql(RECORD_LEASES);

  expect((await fixture.place()).outcome).toBe(Outcome.CONFIRMED);

  const leases = await fixture.sql<{ ms: number }>('select ms from recorded_lease');
  expect(leases.length).toBeGreaterThan(2);
  for (const { ms } of leases) expect(ms).toBeGreaterThanOrEqual(5_000 + 2 * DATABASE_TIMEOUT_MS);
});
