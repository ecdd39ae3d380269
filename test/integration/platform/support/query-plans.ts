// What the statements of a store read: each runs on filled tables, and its plan is examined. The plans are generic ones, which Postgres
// may choose for a prepared statement at any time: they hold for all parameters, and know none of them.
import { Client, escapeLiteral } from 'pg';
import { afterAll, beforeAll } from 'vitest';
import type { ServiceName } from '#local/shared/topology.ts';
import { type Database, PLANNER_OPTIONS, type Queryable } from '#services/platform/storage/database.ts';
import { toStatement } from '#services/platform/storage/sql.ts';
import { createTestDatabase } from '../../../support/postgres.ts';
import { ask } from './open-database.ts';

const BIG_TABLE_ROWS = 5_000;
const MAX_ROWS_READ = 500;
const EXPLAINED = /^\s*(select|insert|update|delete|with)\b/;

export type QueryPlans = {
  /** Runs statements and examines the plan of each. */
  readonly database: Database;
  /** Runs a statement as the superuser, without examining it. */
  sql(text: string): Promise<unknown>;
  /** Runs `work` and returns what its statements read too much of: empty when each reads little, by an index. */
  findScans(work: () => Promise<unknown>): Promise<string[]>;
  /**
   * Runs `work` on nearly empty tables, and returns the scans without an index, without a condition for it, or without a limit. A plan is kept for
   * as long as its session, while the tables grow: such a scan then reads all of them.
   */
  findUnboundScans(work: () => Promise<unknown>): Promise<string[]>;
};

type PlanNode = {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
};

/**
 * Registers the hooks of a test file that open and close a service's database.
 * @param fill statements that fill its tables.
 * @param few statements that fill the tables that are nearly empty, with what the statements need.
 */
export function useQueryPlans(service: ServiceName, fill: readonly string[], few: readonly string[] = []): QueryPlans {
  const resources = new AsyncDisposableStack();
  let database: Database;
  let empty: Database;
  let filled: Database;
  let sql: QueryPlans['sql'];
  const scans: string[] = [];
  const connect = async (databaseUrl: string): Promise<Client> => {
    const url = new URL(databaseUrl);
    url.searchParams.set('options', `-c plan_cache_mode=force_generic_plan -c jit=off ${PLANNER_OPTIONS}`);
    const client = new Client({ connectionString: url.href });
    await client.connect();
    resources.defer(() => client.end());
    return client;
  };
  beforeAll(async () => {
    const unfilled = resources.use(await createTestDatabase(service));
    // As before the first run of autovacuum, which would make new plans possible.
    const tables = await ask<{ name: string }>(
      unfilled.superuserUrl,
      `select format('%I.%I', schemaname, relname) as name from pg_stat_user_tables`,
    );
    for (const { name } of tables)
      await ask(unfilled.superuserUrl, `alter table ${name} set (autovacuum_enabled = off)`);
    // It may have made statistics of a few rows of the test that had this database before.
    await ask(unfilled.superuserUrl, 'delete from pg_statistic');
    await ask(unfilled.superuserUrl, "update pg_class set relpages = 0, reltuples = -1 where relkind = 'r'");
    for (const statement of few) await ask(unfilled.superuserUrl, statement);
    const partial = await ask<{ name: string }>(
      unfilled.superuserUrl,
      'select indexrelid::regclass::text as name from pg_index where indpred is not null',
    );
    // Those hold open work: few rows, as long as work is done.
    const workIndexes = new Set(partial.map(({ name }) => name));
    empty = createExplainingDatabase(
      await connect(unfilled.databaseUrl),
      (plan) => listUnboundScans(plan, workIndexes),
      scans,
    );
    const { databaseUrl, superuserUrl } = resources.use(await createTestDatabase(service));
    sql = (text) => ask(superuserUrl, text);
    for (const statement of fill) await sql(statement);
    await sql('vacuum analyze');
    const big = await ask<{ relname: string }>(
      superuserUrl,
      `select relname from pg_class where relkind = 'r' and reltuples >= ${BIG_TABLE_ROWS}`,
    );
    const bigTables = new Set(big.map(({ relname }) => relname));
    filled = createExplainingDatabase(await connect(databaseUrl), (plan) => listScans(plan, bigTables), scans);
    database = filled;
  });
  afterAll(() => resources.disposeAsync());
  return {
    get database() {
      return database;
    },
    sql: (text) => sql(text),
    findScans: async (work) => {
      scans.length = 0;
      await work();
      return [...scans];
    },
    findUnboundScans: async (work) => {
      scans.length = 0;
      database = empty;
      try {
        await work();
      } finally {
        database = filled;
      }
      return [...new Set(scans)];
    },
  };
}

function createExplainingDatabase(client: Client, scansOf: (plan: PlanNode) => string[], scans: string[]): Database {
  const queryableOf = (before: string, after: string): Queryable => ({
    query: async <Row>(statement: Parameters<Queryable['query']>[0], parameters: readonly unknown[] = []) => {
      const { text, values } =
        typeof statement === 'string' ? { text: statement, values: parameters } : toStatement(statement);
      if (EXPLAINED.test(text)) {
        await client.query(before);
        const plan = await explain(client, text, values);
        await client.query(after);
        scans.push(...scansOf(plan).map((scan) => `${scan}: ${text.replaceAll(/\s+/g, ' ').trim()}`));
      }
      return (await client.query(text, [...values])).rows as Row[];
    },
  });
  return {
    ...queryableOf('begin', 'rollback'),
    transaction: async (work) => {
      await client.query('begin');
      const inside = queryableOf('savepoint explained', 'rollback to savepoint explained');
      const result = await work({ ...inside, afterCommit: () => undefined });
      await client.query('commit');
      return result;
    },
    warm: async () => undefined,
    close: async () => undefined,
  };
}

// The statement runs, for the rows that each node reads; the caller rolls it back.
async function explain(client: Client, text: string, values: readonly unknown[]): Promise<PlanNode> {
  await client.query(`prepare explained as ${text}`);
  try {
    const call = values.length === 0 ? 'explained' : `explained (${values.map(toLiteral).join(', ')})`;
    const { rows } = await client.query(`explain (analyze, timing off, format json) execute ${call}`);
    return rows[0]['QUERY PLAN'][0].Plan;
  } finally {
    await client.query('deallocate explained');
  }
}

function listScans(node: PlanNode, bigTables: ReadonlySet<string>): string[] {
  const type = node['Node Type'];
  const table = node['Relation Name'] ?? '';
  const scans: string[] = [];
  if (type.endsWith('Scan') && bigTables.has(table)) {
    const rows = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0);
    const total = rows * (node['Actual Loops'] ?? 0);
    if (type === 'Seq Scan' || total > MAX_ROWS_READ) scans.push(`${type} of ${total} rows of ${table}`);
  }
  for (const child of node.Plans ?? []) scans.push(...listScans(child, bigTables));
  return scans;
}

function listUnboundScans(node: PlanNode, workIndexes: ReadonlySet<string>, isLimited = false): string[] {
  const type = node['Node Type'];
  const table = node['Relation Name'];
  const isBounded = isLimited || workIndexes.has(node['Index Name'] ?? '');
  const isByIndex = node['Index Cond'] !== undefined || (isBounded && type.startsWith('Index'));
  const isUnbound =
    table !== undefined && type !== 'Tid Scan' && type !== 'Bitmap Heap Scan' && type.endsWith('Scan') && !isByIndex;
  const below = (node.Plans ?? []).flatMap((child) =>
    listUnboundScans(child, workIndexes, isLimited || type === 'Limit'),
  );
  return [...(isUnbound ? [`${type} of ${table}`] : []), ...below];
}

function toLiteral(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return escapeLiteral(Array.isArray(value) ? `{${value.map(toElement).join(',')}}` : toText(value));
}

function toElement(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return `"${toText(value).replaceAll(/[\\"]/g, '\\$&')}"`;
}

function toText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return String(value);
}
