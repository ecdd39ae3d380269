// The settings of the migration step: for each service, its own role and the one that owns its tables.
import { type Environment, parseSettings, postgresUrl, z } from '../platform/base/settings.ts';
import { withAuthority } from '../platform/runtime/config.ts';

const SERVICES = ['order', 'inventory', 'payment', 'notification', 'analytics', 'monitor'] as const;

export type ServiceMigration = {
  readonly service: (typeof SERVICES)[number];
  readonly databaseUrl: string;
  readonly migrationDatabaseUrl: string;
};

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): readonly ServiceMigration[] {
  const settings = parseSettings(environment, {
    ORDER_DATABASE_URL: postgresUrl(),
    ORDER_MIGRATION_DATABASE_URL: postgresUrl(),
    INVENTORY_DATABASE_URL: postgresUrl(),
    INVENTORY_MIGRATION_DATABASE_URL: postgresUrl(),
    PAYMENT_DATABASE_URL: postgresUrl(),
    PAYMENT_MIGRATION_DATABASE_URL: postgresUrl(),
    NOTIFICATION_DATABASE_URL: postgresUrl(),
    NOTIFICATION_MIGRATION_DATABASE_URL: postgresUrl(),
    ANALYTICS_DATABASE_URL: postgresUrl(),
    ANALYTICS_MIGRATION_DATABASE_URL: postgresUrl(),
    MONITOR_DATABASE_URL: postgresUrl(),
    MONITOR_MIGRATION_DATABASE_URL: postgresUrl(),
    TLS_CA_FILE: z.string().optional(),
  });
  const urlOf = (service: ServiceMigration['service'], kind: 'DATABASE_URL' | 'MIGRATION_DATABASE_URL') =>
    withAuthority(settings[`${service.toUpperCase() as Uppercase<typeof service>}_${kind}`], settings.TLS_CA_FILE);
  return SERVICES.map((service) => ({
    service,
    databaseUrl: urlOf(service, 'DATABASE_URL'),
    migrationDatabaseUrl: urlOf(service, 'MIGRATION_DATABASE_URL'),
  }));
}
