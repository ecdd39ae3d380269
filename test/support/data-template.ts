// The data directory of a stack that has started once: copying it takes a tenth of the time of creating and migrating a cluster.
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startPostgres } from '#local/postgres/postgres.ts';
import { createServiceDatabase, ownerName, serviceDatabaseName } from '#local/postgres/service-database.ts';
import { loadPasswords } from '#local/shared/secrets.ts';
import { services } from '#local/shared/topology.ts';
import { migrate } from '#services/platform/storage/migrations.ts';

/** Creates the secret, the cluster and the migrated databases of a stack in a folder. */
export async function createDataTemplate(folder: string): Promise<void> {
  const passwords = await loadPasswords(join(folder, 'secret'));
  const output: string[] = [];
  await using postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    password: passwords('postgres:superuser'),
    durable: false,
    log: (line) => output.push(line),
  });
  const { superuserUrl } = postgres;
  for (const { name: service } of services) {
    const password = passwords(serviceDatabaseName(service));
    const ownerPassword = passwords(ownerName(service));
    const { url, ownerUrl } = await createServiceDatabase({ superuserUrl, service, password, ownerPassword });
    const directory = fileURLToPath(new URL(`../../services/${service}/migrations`, import.meta.url));
    await migrate({ databaseUrl: url, migrationDatabaseUrl: ownerUrl, directory });
  }
}

/** Copies a template to a stack's data directory, with the owners of its files. */
export async function copyDataTemplate(template: string, dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await promisify(execFile)('cp', ['-a', `${template}/.`, dataDir]);
}
