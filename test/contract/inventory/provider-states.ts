// The provider states of inventory's consumers: set up by its own RPCs where possible, and undone in its database.
import type { JsonObject } from '@bufbuild/protobuf';
import type { StateHandlers, Teardown } from '@touchstone/kit';
import { syntheticHeaders } from '#services/platform/base/synthetic.ts';
import type { SqlSession } from '../../support/contracts/contracts.ts';
import type { RunningInventory } from '../../support/services/inventory.ts';
import { TEST_CREDENTIAL } from '../../support/services/order-builders.ts';

type Line = {
  readonly productId: string;
  readonly quantity: number;
};

type StateParams = {
  readonly productId: string;
  readonly quantity: number;
  readonly orderId: string;
  readonly reservationId: string;
  readonly lines: readonly Line[];
};

type Reach = (params: StateParams) => Promise<unknown>;

/** Returns a handler for every provider state in inventory's contracts. */
export function createInventoryStates({ client }: RunningInventory, { sql }: SqlSession): StateHandlers {
  const undo = async () => {
    await sql('delete from reservation');
    await sql("delete from product where product_id like 'page-%'");
    await sql('update product set on_hand = 100, reserved = 0, sold = 0');
  };
  const state = (reach: Reach) => async (params: JsonObject) => {
    await reach(params as unknown as StateParams);
    return { teardown: undo } satisfies Teardown;
  };

  const stock: Reach = ({ productId, quantity }) =>
    sql('update product set on_hand = $2 where product_id = $1', [productId, quantity]);
  const reserve: Reach = async ({ orderId, reservationId, lines }) => {
    await client.reserveStock({ orderId, lines: [...lines] });
    await sql('update reservation set reservation_id = $2 where order_id = $1', [orderId, reservationId]);
  };
  const reserveForTest: Reach = async ({ orderId, reservationId, lines }) => {
    const headers = syntheticHeaders(TEST_CREDENTIAL);
    await client.reserveStock({ orderId, lines: [...lines], synthetic: true }, { headers });
    await sql('update reservation set reservation_id = $2 where order_id = $1', [orderId, reservationId]);
  };
  const release: Reach = ({ orderId }) => client.releaseReservation({ orderId });

  return {
    'product 12345 exists with stock': state(stock),
    'product 12345 is sold out': state(stock),
    'the test product is in stock': state(stock),
    'product prod789 is nearly sold out': state(stock),
    'product prod789 is sold out': state(stock),
    'product no-such-product does not exist': state(async () => undefined),
    'nothing is known of the order': state(async () => undefined),
    'stock is reserved for the order': state(reserve),
    'stock is reserved for the test order': state(reserveForTest),
    'the order has asked for its stock before': state(reserve),
    'the order has reserved something else': state(reserve),
    'the order was released before it asked': state(release),
    'what the order had reserved is released': state(async (params) => {
      await reserve(params);
      await release(params);
    }),
    'what the order had reserved is sold': state(async (params) => {
      await reserve(params);
      await client.confirmReservation({ orderId: params.orderId });
    }),
    'the catalogue fits on a page': state(async () => undefined),
    'the catalogue fills two pages': state(() =>
      sql(
        `insert into product (product_id, name, currency_code, unit_price_minor, on_hand, update_time)
         select 'page-' || to_char(number, 'FM000'), 'one of many', 'EUR', 100, 1, now()
         from generate_series(1, 250) as number`,
      ),
    ),
  };
}
