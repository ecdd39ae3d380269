// The connections of a service in a test: opening fifteen at each start would take most of Postgres' time in a run.

const CONNECTIONS = 8;

/** The setting of a service that a test starts, unless the test needs more. */
export const FEW_CONNECTIONS = { DATABASE_CONNECTIONS: String(CONNECTIONS) };

/** The same for a service that is given a config instead of settings. */
export const FEW_CONNECTIONS_CONFIG = { databaseConnections: CONNECTIONS };
