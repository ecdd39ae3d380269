// Test databases that are used again: emptying one takes a tenth of the time of creating one. A worker keeps those of its earlier
// tests; the end of the run's Postgres removes them.
import { createHash } from 'node:crypto';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';

// Deleted rows still take space, which slows down the next test: a larger database is not used again.
const MAX_REUSED_BYTES = 1_000_000;
const TERMINATION_MS = 10_000;

/** The content of a new database: what a used one is returned to. */
export type Pristine = {
  /** Identifies the schema, its permissions and the database's settings. */
  readonly schema: string;
  /** Statements that delete all rows, insert those of the migrations, and reset the sequences. */
  readonly restore: string;
};

const USER_RELATIONS = `select c.*, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')`;

// Identifiers of objects are part of it: an object that was dropped and created again counts as a change.
const SCHEMA = `with relation as (${USER_RELATIONS}), part(description) as (
    select concat_ws('|', 'relation', oid, nspname, relname, relkind, relowner, relacl, reloptions) from relation
    union all select concat_ws('|', 'column', attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attisdropped)
      from pg_attribute where attrelid in (select oid from relation)
    union all select concat_ws('|', 'default', oid, pg_get_expr(adbin, adrelid)) from pg_attrdef
      where adrelid in (select oid from relation)
    union all select concat_ws('|', 'constraint', oid, convalidated) from pg_constraint
      where conrelid in (select oid from relation)
    union all select concat_ws('|', 'trigger', oid, tgenabled) from pg_trigger where tgrelid in (select oid from relation)
    union all select concat_ws('|', 'index', indexrelid, indisvalid) from pg_index
      where indrelid in (select oid from relation)
    union all select concat_ws('|', 'function', p.oid, p.prosrc, p.proacl) from pg_proc p
      where p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    union all select concat_ws('|', 'schema', oid, nspname, nspacl, nspowner) from pg_namespace
      where nspname !~ '^pg_(toast_)?temp_'
    union all select concat_ws('|', 'database', datacl, datallowconn, datconnlimit, datdba) from pg_database
      where datname = current_database()
    union all select concat_ws('|', 'settings', setrole, setconfig) from pg_db_role_setting
      where setdatabase in (0, (select oid from pg_database where datname = current_database()))
  )
  select string_agg(description, E'\\n' order by description collate "C") as schema from part`;

const SIZE = `select coalesce(sum(pg_total_relation_size(oid)), 0)::int8 as bytes from (${USER_RELATIONS}) c where relkind = 'r'`;

/** Reads what a database must be returned to. It must be new: nothing but its migrations has run. */
export async function readPristine(superuserUrl: string): Promise<Pristine> {
  return await asClient(superuserUrl, async (client) => {
    const read = async <Row>(text: string): Promise<Row[]> => (await client.query(text)).rows as Row[];
    const tables = await read<{ name: string; columns: string }>(
      `select format('%I.%I', nspname, relname) as name,
         (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
            where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') as columns
       from (${USER_RELATIONS}) c where relkind = 'r'`,
    );
    const inserts: string[] = [];
    for (const { name, columns } of tables) {
      const [row] = await read<{ rows: string | null }>(`select json_agg(t)::text as rows from ${name} t`);
      if (typeof row?.rows !== 'string') continue;
      inserts.push(
        `insert into ${name} (${columns}) overriding system value
         select ${columns} from json_populate_recordset(null::${name}, ${escapeLiteral(row.rows)})`,
      );
    }
    const sequences = await read<{ name: string; value: string; used: boolean }>(
      `select format('%I.%I', schemaname, sequencename) as name,
         coalesce(last_value, start_value)::text as value, last_value is not null as used from pg_sequences`,
    );
    const restore = [
      'begin',
      // Neither foreign keys nor triggers act on these statements.
      'set local session_replication_role = replica',
      ...tables.map(({ name }) => `delete from ${name}`),
      ...inserts,
      ...sequences.map(({ name, value, used }) => `select setval(${escapeLiteral(name)}, ${value}, ${used})`),
      'commit',
    ].join(';\n');
    return { schema: await readSchema(client), restore };
  });
}

/**
 * Ends all sessions on the database and returns it to its first content. Returns false when it cannot be used again, because its
 * schema, permissions or settings changed or it has become large; it is left as it is then.
 */
export async function restorePristine(superuserUrl: string, pristine: Pristine): Promise<boolean> {
  return await asClient(superuserUrl, async (client) => {
    await client.query(
      `select pg_terminate_backend(pid, ${TERMINATION_MS}) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    );
    const { rows } = await client.query<{ bytes: string }>(SIZE);
    if (Number(rows[0]?.bytes) > MAX_REUSED_BYTES || (await readSchema(client)) !== pristine.schema) return false;
    await client.query(pristine.restore);
    return true;
  });
}

/** Drops a database that is not used again, with all sessions on it. */
export function dropStatement(name: string): string {
  return `drop database ${escapeIdentifier(name)} with (force)`;
}

async function readSchema(client: Client): Promise<string> {
  const { rows } = await client.query<{ schema: string }>(SCHEMA);
  return createHash('sha256')
    .update(rows[0]?.schema ?? '')
    .digest('hex');
}

async function asClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}
