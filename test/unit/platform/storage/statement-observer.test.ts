import { beforeAll, expect, it } from 'vitest';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { installTracing, runInSpan, SpanKind } from '#services/platform/observability/tracing.ts';
import { createStatementObserver } from '#services/platform/storage/statement-observer.ts';
import { recordSpans } from '../../../support/telemetry/recorded-spans.ts';

const URL_OF_SERVER = 'postgres://order:secret@db.example:5433/order_db';
const SELECT = '\n  select status\n  from orders where order_id = $1';

beforeAll(() => installTracing());

const inCall = (work: () => Promise<unknown>) =>
  runInSpan({ name: 'a call', kind: SpanKind.SERVER, headers: {} }, work).catch((error: unknown) => error);

it('a statement in a recorded call has a span of its own, by its conventions and without values or passwords', async () => {
  using spans = recordSpans();
  const observe = createStatementObserver(() => URL_OF_SERVER, undefined);

  await inCall(() => observe(SELECT, async () => ['row']));

  const [statement] = spans.ended();
  expect(statement).toEqual({
    name: 'SELECT order_db',
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': 'order_db',
      'db.operation.name': 'SELECT',
      'db.query.text': 'select status from orders where order_id = $1',
      'server.address': 'db.example',
      'server.port': 5433,
    },
  });
});

it('the span of a statement that failed says why', async () => {
  using spans = recordSpans();
  const observe = createStatementObserver(() => 'postgres://order@db/order', undefined);
  const fail = async () => Promise.reject(Object.assign(new Error('a secret value'), { code: '23505' }));

  expect(await inCall(() => observe('insert into orders values ($1)', fail))).toMatchObject({ code: '23505' });

  expect(spans.ended()[0]?.attributes).toMatchObject({ 'error.type': '23505', 'server.port': 5432 });
  expect(JSON.stringify(spans.ended())).not.toContain('secret');
});

it('background work that no call waits for begins no trace', async () => {
  using spans = recordSpans();
  const observe = createStatementObserver(() => URL_OF_SERVER, undefined);

  expect(await observe(SELECT, async () => ['row'])).toEqual(['row']);

  expect(spans.ended()).toEqual([]);
});

it('statements are counted by their first word, and failures by their code or name', async () => {
  const { databaseDuration } = createMetrics('order');
  const observe = createStatementObserver(() => URL_OF_SERVER, databaseDuration);
  const failWith = (error: unknown) => observe('WITH a AS (select 1) select 2', () => Promise.reject(error));

  await observe(SELECT, async () => []);
  await observe('commit', async () => []);
  await failWith(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })).catch(() => undefined);
  await failWith(new TypeError('a mistake')).catch(() => undefined);

  const { values } = await databaseDuration.get();
  const counted = values.filter(({ metricName }) => metricName?.endsWith('_count')).map(({ labels }) => labels);
  const shared = { db_system_name: 'postgresql', db_namespace: 'order_db' };
  expect(counted).toEqual([
    { ...shared, db_operation_name: 'SELECT' },
    { ...shared, db_operation_name: 'COMMIT' },
    { ...shared, db_operation_name: 'WITH', error_type: 'ECONNREFUSED' },
    { ...shared, db_operation_name: 'WITH', error_type: 'TypeError' },
  ]);
});
