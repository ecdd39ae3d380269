// What the statements of messaging read when the tables of a service are large.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { createDeadLetters } from '#services/platform/messaging/dead-letters.ts';
import { applyTogether, countFailure, prepareEvent, storeDeadLetter } from '#services/platform/messaging/inbox.ts';
import { insertEvents } from '#services/platform/messaging/outbox.ts';
import { hasUnsent, relayBatch } from '#services/platform/messaging/outbox-relay.ts';
import { createPublishBackoff } from '#services/platform/messaging/publish-backoff.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { refreshGauges, type StatusSources } from '#services/platform/runtime/service-status.ts';
import { MESSAGING_RULES, prune } from '#services/platform/storage/pruner.ts';
import { useQueryPlans } from '../support/query-plans.ts';
import { recordLog } from '../support/recorded-log.ts';

const plans = useQueryPlans('inventory', [
  `insert into outbox (event_id, subject, payload, headers, sent_time)
    select gen_random_uuid(), 'subject', 'payload', '{}', now() from generate_series(1, 20000)`,
  'insert into inbox (event_id) select gen_random_uuid() from generate_series(1, 20000)',
  `insert into event_failure (stream, event_id, attempts, error)
    select 'SHOP_ORDER', gen_random_uuid(), 1, 'error' from generate_series(1, 20000)`,
  `insert into dead_letter (dead_letter_id, stream, event_id, subject, payload, headers, error, attempts, trace_id)
    select gen_random_uuid(), 'SHOP_ORDER', gen_random_uuid(), 'subject', repeat('payload', 50)::bytea, '{}', 'error', 5, ''
    from generate_series(1, 20000)`,
]);

const { log } = recordLog('inventory');
const metrics = createMetrics('inventory');
const handler = { subject: 'subject', apply: async () => undefined };
const newEvent = () => ({
  stream: 'SHOP_ORDER',
  id: randomUUID(),
  subject: 'subject',
  payload: Buffer.from('payload'),
  headers: {},
});

const letters = () => createDeadLetters(plans.database, DOMAIN, [{ producer: 'order', handlers: [handler] }]);

async function storeNewDeadLetter(): Promise<string> {
  const event = newEvent();
  await storeDeadLetter(plans.database, event, new Error('error'), 5);
  const [row] = await plans.database.query<{ id: string }>(
    'select dead_letter_id as id from dead_letter where event_id = $1',
    [event.id],
  );
  return row?.id ?? '';
}

const work: Readonly<Record<string, () => Promise<unknown>>> = {
  'storing and publishing events': async () => {
    await plans.database.query(insertEvents([newEvent()]));
    const session = { jetstream: { publish: async () => undefined } } as never;
    await relayBatch(session, createPublishBackoff(), { database: plans.database, metrics, log });
  },
  'looking for events to publish when there is none': () => hasUnsent(plans.database, createPublishBackoff()),
  'applying an event': () => applyTogether(plans.database, [prepareEvent(newEvent(), handler)]),
  'counting the failures of an event': () => countFailure(plans.database, newEvent(), new Error('error')),
  'storing and replaying a dead letter': async () => letters().replay(await storeNewDeadLetter()),
  'discarding a dead letter': async () => letters().discard(await storeNewDeadLetter()),
  'listing dead letters': async () => {
    await letters().list({ size: 50, after: undefined });
    await letters().list({ size: 50, after: ['0', randomUUID()] });
  },
  'looking for rows to prune when there is none': async () => {
    for (const rule of MESSAGING_RULES) await prune(plans.database, rule);
  },
};

describe('with many rows of messaging', () => {
  it.each(Object.entries(work))('%s reads few of them', async (_, run) => {
    expect(await plans.findScans(run)).toEqual([]);
  });

  it.each(Object.entries(work))(
    '%s would be read by an index too if its plan was made on empty tables',
    async (_, run) => {
      expect(await plans.findUnboundScans(run)).toEqual([]);
    },
  );

  it('the gauges read the events that are not sent, and count the dead letters in an index', async () => {
    const sources: StatusSources = {
      service: 'inventory',
      startTime: new Date(),
      database: plans.database,
      broker: { status: () => ({ connected: true, since: new Date() }) } as StatusSources['broker'],
      consumers: [],
      breakers: [],
      metrics,
    };

    const scans = await plans.findScans(() => refreshGauges(sources));

    expect(scans).toEqual([expect.stringMatching(/^Index Only Scan of \d+ rows of dead_letter/)]);
  });
});
