// The entry point of the migration step, which ends when the database of every service has all its tables. Where services have no role
// that may migrate, it runs before each of their versions starts.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describeError } from '../platform/base/errors.ts';
import { scrubSecrets } from '../platform/observability/log.ts';
import { migrate } from '../platform/storage/migrations.ts';
import { loadConfig } from './config.ts';

try {
  for (const { service, ...urls } of loadConfig(process.env)) {
    try {
      await migrate({ ...urls, directory: fileURLToPath(new URL(`../${service}/migrations`, import.meta.url)) });
    } catch (error) {
      const names = `${service.toUpperCase()}_DATABASE_URL and ${service.toUpperCase()}_MIGRATION_DATABASE_URL`;
      throw new Error(`that of ${service} (${names}): ${describeError(error)}`, { cause: error });
    }
    process.stdout.write(`the database of ${service} is migrated\n`);
  }
} catch (error) {
  process.stderr.write(`the databases are not all migrated: ${scrubSecrets(describeError(error))}\n`);
  process.exitCode = 1;
}
