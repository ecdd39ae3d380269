// The dead letters that are listed, replayed and discarded: analytics did not apply the event of an order of its own for each.
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { Client } from 'pg';
import { type OrderCreated, OrderCreatedSchema } from '../../../gen/shop/order/v1/order_events_pb.ts';
import { DOMAIN } from '../../../services/domain.ts';
import { streamOf } from '../../../services/platform/base/domain.ts';

export const DEAD_LETTER_SERVICE = 'analytics';

/** What a dead letter is for, with the first digit of its id. */
const USES = { replay: '1', discard: '2', list: '3' } as const;
/** Are never replayed or discarded, so that a page is full. */
const LISTED = 100;

const INSERT = `insert into dead_letter (dead_letter_id, stream, event_id, subject, payload, headers, error, attempts, trace_id)
  select letter.id, $1, letter.id::text, $2, letter.payload, '{}', 'put there by bench-growth', 1, ''
  from unnest($3::uuid[], $4::bytea[]) as letter (id, payload)`;

/** The id of the nth dead letter for a use. */
export function deadLetterId(use: keyof typeof USES, n: number): string {
  return `${USES[use]}0000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

/** Stores so many dead letters to replay and as many to discard. */
export async function fillDeadLetters(databaseUrl: string, count: number): Promise<void> {
  const ids = (use: keyof typeof USES, length: number) => Array.from({ length }, (_, n) => deadLetterId(use, n));
  const all = [...ids('list', LISTED), ...ids('replay', count), ...ids('discard', count)];
  const payloads = all.map((id) => toBinary(OrderCreatedSchema, orderCreated(id)));
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(INSERT, [streamOf(DOMAIN, 'order'), OrderCreatedSchema.typeName, all, payloads]);
  } finally {
    await client.end();
  }
}

function orderCreated(id: string): OrderCreated {
  return create(OrderCreatedSchema, { orderId: `dead-letter-${id}`, version: 1n, createTime: timestampNow() });
}
