import type { Survivor } from '../judge.ts';

export const MESSAGING: readonly Survivor[] = [
  {
    file: 'services/platform/messaging/event-consumer.ts',
    reason: 'Equivalent: a signal aborts once, and the end of the consumption removes the listener.',
    mutants: [
      "signal.addEventListener('abort', stop, «{ once: true }»); => {}",
      "signal.addEventListener('abort', stop, { once: «true» }); => false",
    ],
  },
  {
    file: 'services/platform/messaging/event-consumer.ts',
    reason: 'Not visible: log and dead letter have the message of the error, and its kind decides what happens.',
    mutants: ['reason: «\'EVENT_ID_INVALID\'», => ""'],
  },
  {
    file: 'services/platform/messaging/event-consumer.ts',
    reason: 'Equivalent: the loop has a turn for each header there is, so that there are headers and the value.',
    mutants: [
      'for (const name of message.headers?.keys() ?? []) headers[name.toLowerCase()] = message.headers?.get(name) ?? «\'\'»; => "Stryker was here!"',
      "for (const name of message.headers?.keys() ?? []) headers[name.toLowerCase()] = «message.headers?.get»(name) ?? ''; => message.headers.get",
    ],
  },
  {
    file: 'services/platform/messaging/inbox.ts',
    reason: 'Equivalent: the statement inserts or updates one row, and returns it.',
    mutants: ['return «row?.attempts» ?? 1; => row.attempts'],
  },
  {
    file: 'services/platform/messaging/outbox-relay.ts',
    reason: 'Equivalent: the statement returns one row.',
    mutants: ['return «row?.found» === true; => row.found'],
  },
  {
    file: 'services/platform/messaging/outbox-relay.ts',
    reason: 'Equivalent: Promise.allSettled has a result for each row.',
    mutants: [
      "const sent = rows.filter((_, index) => «results[index]?.status» === 'fulfilled'); => results[index].status",
    ],
  },
  {
    file: 'services/platform/messaging/inbox.ts',
    reason: 'Equivalent: without idempotent events nothing is applied.',
    mutants: [
      'if («idempotent.length > 0») await applyIdempotent(database, idempotent); => true',
      'if («idempotent.length > 0») await applyIdempotent(database, idempotent); => idempotent.length >= 0',
    ],
  },
  {
    file: 'services/platform/messaging/outbox.ts',
    reason: 'A statement: the integration tests of the stores that use it run it in Postgres, and read the events.',
    mutants: [
      'export function insertKeyedEvents(keyed: readonly KeyedEvent[], written: Sql): Sql «{ …» => {}',
      'const [ids, subjects, payloads, headers] = outboxValues(keyed.map(«({ event }) => event»)); => () => undefined',
      'const keys = keyed.map(«({ key }) => key»); => () => undefined',
      'return sql«`insert into outbox (event_id, subject, payload, headers) …» => ``',
    ],
  },
];
