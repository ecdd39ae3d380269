// What the checker of the invariants waits for at payment: read from its real database, beside those of the other services.
import { Client } from 'pg';
import { expect, it } from 'vitest';
import { startFakePaymentProvider } from '#local/provider/provider.ts';
import { OWNERS } from '../../support/invariants/facts.ts';
import { findPendingWork } from '../../support/invariants/quiescence.ts';
import { startTestNats } from '../../support/nats.ts';
import { createTestDatabase } from '../../support/postgres.ts';

const INSERT = `insert into charge (order_id, idempotency_key, refund_key, request_hash, currency_code, amount_minor,
    payment_method, status, transaction_id, synthetic, version)
  select order_id, order_id, refund_key, 'hash', 'EUR', 5999, payment_method, status, transaction_id, false, 1
  from (values
    ('paid', null, null, 'COMPLETED', 'ch_1'),
    ('to be refunded', 'refund 1', null, 'COMPLETED', 'ch_2'),
    ('refunded', 'refund 2', null, 'REFUNDED', 'ch_3'),
    ('open', null, 'pm_1', 'CHARGING', '')
  ) as row (order_id, refund_key, payment_method, status, transaction_id)`;

it('is every charge that is open, and every refund that is requested and not made', async () => {
  await using resources = new AsyncDisposableStack();
  const databaseUrls: Partial<Record<(typeof OWNERS)[number], string>> = {};
  for (const service of OWNERS) databaseUrls[service] = resources.use(await createTestDatabase(service)).databaseUrl;
  const nats = resources.use(await startTestNats());
  const provider = resources.use(await startFakePaymentProvider());
  const client = new Client({ connectionString: databaseUrls.payment });
  await client.connect();
  resources.defer(() => client.end());

  await client.query(INSERT);

  const work = await findPendingWork({
    databaseUrls: databaseUrls as Record<(typeof OWNERS)[number], string>,
    natsUrl: nats.adminUrl,
    providerUrl: provider.url,
    mailboxUrl: undefined,
  });
  expect(work.filter(({ count }) => count > 0)).toEqual([
    { what: 'payment: charges and refunds not settled', count: 2, ids: ['open', 'to be refunded'] },
  ]);
});
