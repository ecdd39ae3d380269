// The wrapper of the Postgres client: every statement that writes, and every commit of a transaction that wrote.
import pg from 'pg';
import { nameCommit, nameStatement, type Operation } from './labels.ts';
import type { Trigger } from './trigger.ts';

type Statement = { readonly text: string; readonly values?: readonly unknown[] };
type Query = (this: pg.Client, ...args: unknown[]) => unknown;

/** Wraps every connection of this process. */
export function wrapDatabase(trigger: Trigger): void {
  const query = pg.Client.prototype.query as unknown as Query;
  const transactions = new WeakMap<pg.Client, string[]>();

  const observe = async (
    client: pg.Client,
    { text, values = [] }: Statement,
    send: () => unknown,
  ): Promise<unknown> => {
    if (text === 'begin') transactions.set(client, []);
    if (text === 'rollback') transactions.delete(client);
    const writes = transactions.get(client);
    const operation = nameOperation(trigger, text, values, writes);
    if (operation === undefined) return await send();
    trigger.before(operation);
    const result = (await send()) as pg.QueryResult;
    if (operation.kind === 'commit') transactions.delete(client);
    const effective = operation.kind === 'commit' || (result.rowCount ?? 0) > 0;
    if (effective && operation.kind === 'write') writes?.push(nameStatement(text, values) ?? '');
    trigger.after(operation, effective);
    return result;
  };

  const wrapped: Query = function (...args) {
    const [statement, ...rest] = args;
    const send = () => query.apply(this, args);
    return isStatement(statement) && rest.length === 0 ? observe(this, statement, send) : send();
  };
  Object.assign(pg.Client.prototype, { query: wrapped });
}

function nameOperation(
  trigger: Trigger,
  text: string,
  values: readonly unknown[],
  writes: readonly string[] = [],
): Operation | undefined {
  const kind = text === 'commit' ? 'commit' : 'write';
  const name = kind === 'commit' ? nameCommit(writes) : nameStatement(text, values);
  return name === undefined ? undefined : trigger.operation(kind, name);
}

/** The form in which the platform sends statements; migrations use other forms. */
function isStatement(value: unknown): value is Statement {
  return typeof value === 'object' && value !== null && 'text' in value && !('submit' in value);
}
