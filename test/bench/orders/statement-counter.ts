// Loads pg_stat_statements, which counts SQL statements. It has to be in the server's memory from the start.
import { Client } from 'pg';

/** Makes a running database server load it at its next start. */
export async function loadStatementCounterAtNextStart(superuserUrl: string): Promise<void> {
  const client = new Client({ connectionString: superuserUrl, application_name: 'bench' });
  await client.connect();
  try {
    await client.query("alter system set shared_preload_libraries = 'pg_stat_statements'");
    await client.query('create extension if not exists pg_stat_statements');
  } finally {
    await client.end();
  }
}
