// The telemetry of statements, after OpenTelemetry's semantic conventions for databases: how long they take, and in a recorded trace a
// span for each. Its text has placeholders for values, never values.
import type { Metrics } from '../observability/metrics.ts';
import { isRecorded, runInSpan, SpanKind } from '../observability/tracing.ts';

const SYSTEM = 'postgresql';

/** Runs a statement and observes it. */
export type ObserveStatement = <Result>(text: string, run: () => Promise<Result>) => Promise<Result>;

/**
 * Creates the observer of one pool.
 *
 * @param currentServer returns the connection string of the server that is used now.
 * @param duration without it only spans are made.
 */
export function createStatementObserver(
  currentServer: () => string,
  duration: Metrics['databaseDuration'] | undefined,
): ObserveStatement {
  const namespace = namespaceOf(currentServer());

  const measure = async <Result>(operation: string, run: () => Promise<Result>): Promise<Result> => {
    const labels = { db_system_name: SYSTEM, db_namespace: namespace, db_operation_name: operation };
    const endTimer = duration?.startTimer(labels);
    try {
      const result = await run();
      endTimer?.({});
      return result;
    } catch (error) {
      endTimer?.({ error_type: errorTypeOf(error) });
      throw error;
    }
  };

  return (text, run) => {
    const operation = operationOf(text);
    if (!isRecorded()) return measure(operation, run);
    const { hostname, port } = new URL(currentServer());
    const attributes = {
      'db.system.name': SYSTEM,
      'db.namespace': namespace,
      'db.operation.name': operation,
      'db.query.text': text.replaceAll(/\s+/g, ' ').trim(),
      'server.address': hostname,
      'server.port': Number(port === '' ? 5432 : port),
    };
    const span = { name: `${operation} ${namespace}`, kind: SpanKind.CLIENT, attributes, failureOf: errorTypeOf };
    return runInSpan(span, () => measure(operation, run));
  };
}

/** The first word of a statement: `SELECT`, or `WITH` for one of several parts. */
function operationOf(text: string): string {
  return (/^\s*([a-z]+)/i.exec(text)?.[1] ?? '_OTHER').toUpperCase();
}

function namespaceOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

/** The server's SQLSTATE, the code of a failed connection, or the name of the error. */
function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
