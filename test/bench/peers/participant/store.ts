// The effects of the participant: one row for each step of an order, each made by one statement, which is one commit.
import type { Pool } from 'pg';

export const STEPS = ['reserve', 'charge', 'confirm', 'notify'] as const;
export type Step = (typeof STEPS)[number];

const TABLE = `create table if not exists effect (
  order_id text not null,
  step text not null,
  effect_id uuid not null default gen_random_uuid(),
  primary key (order_id, step)
)`;
const APPLY = `with made as (
    insert into effect (order_id, step) values ($1, $2) on conflict do nothing returning effect_id
  )
  select effect_id from made union all select effect_id from effect where order_id = $1 and step = $2 limit 1`;

export type EffectStore = {
  /** Makes the effect of a step, unless the order has it already. Returns its id, the same for every repetition. */
  apply(orderId: string, step: Step): Promise<string>;
};

/** Opens the store; creates its table in a new database. */
export async function openEffectStore(pool: Pool): Promise<EffectStore> {
  await pool.query(TABLE);
  const tryToApply = async (orderId: string, step: Step): Promise<string | undefined> => {
    const statement = { name: 'apply', text: APPLY, values: [orderId, step] };
    return (await pool.query<{ effect_id: string }>(statement)).rows[0]?.effect_id;
  };
  return {
    apply: async (orderId, step) => {
      // The statement does not see the row of a concurrent call that commits while it waits for that call; the next one does.
      const effectId = (await tryToApply(orderId, step)) ?? (await tryToApply(orderId, step));
      if (effectId === undefined) throw new Error(`the effect of ${step} for order ${orderId} is gone`);
      return effectId;
    },
  };
}
