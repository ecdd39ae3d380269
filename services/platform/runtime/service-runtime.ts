// The runtime of every service: databases, broker, relay, consumers, RPC server and their lifecycle. A service's own service.ts adds its
// routes and components.
import { type ConnectRouter, createContextValues } from '@connectrpc/connect';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import {
  createRpcServer,
  findClientCertificate,
  HealthRegistry,
  type ListeningAddress,
  type RpcServer,
} from '#packages/rpc-server/index.ts';
import { backoffMs, pause } from '../base/backoff.ts';
import { prepareRules } from '../base/contract-rules.ts';
import type { Domain } from '../base/domain.ts';
import { describeError } from '../base/errors.ts';
import { type Component, createLifecycle, groupComponents } from '../base/lifecycle.ts';
import type { Dependency } from '../client/rpc-client.ts';
import { type IdentityConfig, NO_IDENTITY } from '../identity/identity-settings.ts';
import { requireSafeBinding } from '../identity/safe-binding.ts';
import { serviceOf } from '../identity/service-certificate.ts';
import { openTlsFiles, type TlsFiles } from '../identity/tls-files.ts';
import { createOwnToken, type OwnToken } from '../identity/token-file.ts';
import { createTokenVerifier } from '../identity/token-verifier.ts';
import { type Broker, createBroker } from '../messaging/broker.ts';
import { createDeadLetters } from '../messaging/dead-letters.ts';
import { createEventConsumer, type EventConsumer } from '../messaging/event-consumer.ts';
import type { Subscription } from '../messaging/event-handler.ts';
import { createOutboxRelay, type OutboxRelay } from '../messaging/outbox-relay.ts';
import type { Logger } from '../observability/log.ts';
import { createMetricReader, type ReadMetrics } from '../observability/metric-reader.ts';
import { createMetrics, type Metrics } from '../observability/metrics.ts';
import { createMetricsHandler } from '../observability/metrics-handler.ts';
import { installTracing } from '../observability/tracing.ts';
import { createAccessControl, setServiceCertificate } from '../server/access-control.ts';
import { type CallLimits, createLoadShedding, DEFAULT_LIMITS } from '../server/load-shedding.ts';
import { guardMetrics } from '../server/metrics-access.ts';
import type { RequestCheck } from '../server/request-rules.ts';
import { toConnectError } from '../server/rpc-errors.ts';
import { createServerInterceptors } from '../server/rpc-interceptors.ts';
import { createDatabase, type Database, type DatabaseOptions, isDatabaseOutage } from '../storage/database.ts';
import { checkDatabase, declareConnections } from '../storage/database-check.ts';
import { migrate } from '../storage/migrations.ts';
import { createPruner, MESSAGING_RULES, type PruneRule } from '../storage/pruner.ts';
import { DEFAULT_DATABASE_CONNECTIONS, DEFAULT_DATABASE_TIMEOUT_MS } from './config.ts';
import { createHealthMonitor } from './health-monitor.ts';
import { createHealthRoute } from './health-route.ts';
import { createOpsService, OPS_CHECKS } from './ops-service.ts';
import { createLimitCounter, DEFAULT_SERVER_LIMITS, type ServerLimits } from './server-limits.ts';
import { refreshGauges, type StatusSources } from './service-status.ts';

// Operators and scrapes share these, so that they take none of the connections of calls; health has one of its own.
const OPS_POOL_SIZE = 2;
const HEALTH_POOL_SIZE = 1;
// Statements are batched, so a few connections carry the first burst; each costs the server 1.5 MB and 10 ms of processor time.
const WARM_CONNECTIONS = 2;
// A stop may wait for it twice, so it is less than half of the limit of a stop.
const BACKGROUND_TIMEOUT_MS = 3_000;
const MAX_REQUEST_BYTES = 1024 * 1024;
const MAX_CALL_MS = 60 * 60 * 1_000;
const STOP_GRACE_MS = 5_000;

/** The part of a service's config that its runtime uses. */
export type RuntimeConfig = {
  readonly host: string;
  readonly port: number;
  readonly databaseUrl: string;
  /** The role that migrates the database. Default: the one of databaseUrl. */
  readonly migrationDatabaseUrl?: string | undefined;
  /** How many connections a replica may have: three for operators, metrics and health, and those of `ownConnections`; of the rest two thirds for calls. Default: DEFAULT_DATABASE_CONNECTIONS. */
  readonly databaseConnections?: number;
  /** Whether databaseUrl is that of a pooler in transaction mode. Default false. */
  readonly databasePooled?: boolean;
  /** How long a call waits for a connection, and for each statement. Default: DEFAULT_DATABASE_TIMEOUT_MS. */
  readonly databaseTimeoutMs?: number;
  readonly natsUrl: string;
  /** The credentials file of the broker's user, instead of user and password in the url. */
  readonly natsCredentialsFile?: string | undefined;
  readonly corsOrigins: readonly string[] | undefined;
  /** Default: DEFAULT_LIMITS. */
  readonly callLimits?: CallLimits;
  /** Whose tokens are accepted, and the service's own. Default: none. */
  readonly identity?: IdentityConfig;
  /** Whether guests may call what the contract opens to them. Default false. */
  readonly guestsAllowed?: boolean;
  /** Default: DEFAULT_SERVER_LIMITS. */
  readonly serverLimits?: ServerLimits;
};

/** What a service builds its own components from. */
export type Runtime = {
  readonly domain: Domain;
  readonly service: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** For work that a caller waits for: short time limits. */
  readonly database: Database;
  /** For background work: connections of its own, longer time limits. */
  readonly backgroundDatabase: Database;
  /** For operators and metrics: few connections of its own. */
  readonly opsDatabase: Database;
  /** Opens a pool of the service's own, named `purpose`; it is one of the service's components. `ownConnections` counts its size. */
  readonly openPool: (purpose: string, limits: Pick<DatabaseOptions, 'size' | 'timeoutMs'>) => Database;
  readonly broker: Broker;
  /** The token to show to dependencies. */
  readonly ownToken: OwnToken;
  /** The service's certificate and the authorities it trusts; undefined without TLS. */
  readonly tls: TlsFiles | undefined;
  /** Makes the relay publish new outbox rows at once. */
  readonly wakeRelay: () => void;
};

/** What a service adds to the runtime. */
export type ServiceDefinition = {
  readonly routes: (router: ConnectRouter) => void;
  /** What it checks of requests beside the rules of the contract. */
  readonly checks?: readonly RequestCheck[];
  readonly subscriptions: readonly Subscription[];
  readonly dependencies: readonly Pick<Dependency, 'name' | 'breaker' | 'stop'>[];
  /** Background components, started in this order before the port opens and stopped after it closes. */
  readonly components: readonly Component[];
  /** Its own rows that are deleted after a while; those of messaging are added. */
  readonly pruneRules?: readonly PruneRule[];
  readonly countOpenWork?: StatusSources['countOpenWork'];
  readonly listFlags?: StatusSources['listFlags'];
  /** Whether it has what its calls need; until then its health is NOT_SERVING. Once it has, it is not asked again. */
  readonly isReady?: () => Promise<boolean>;
};

/** A running (or stopped) replica of a service. */
export type Service = {
  readonly name: string;
  /** Migrates, starts all components and opens the port; waits until the database answers. Resolves when it serves. */
  start(): Promise<ListeningAddress>;
  /** Stops accepting calls, finishes running ones, drains the consumers, closes every connection; within 10 s. */
  stop(): Promise<void>;
  /** Reads its metrics, also while it does not run. */
  readonly readMetrics: ReadMetrics;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Set by a process that runs a single service. */
export type ProcessOptions = {
  /** Whether /metrics includes the process: memory, event loop, garbage collection. */
  readonly processMetrics?: boolean;
};

export type ServiceOptions = ProcessOptions & {
  readonly domain: Domain;
  readonly name: string;
  readonly config: RuntimeConfig;
  readonly log: Logger;
  /** The folder of the service's migrations. */
  readonly migrations: string;
  /** Whether it publishes events, and so has a stream. Default true. */
  readonly publishes?: boolean;
  /** How many of a replica's connections are for pools that the service opens by `openPool`. Default 0. */
  readonly ownConnections?: number;
  readonly define: (runtime: Runtime) => ServiceDefinition;
};

/** Builds a service; nothing connects or listens before `start`. */
export function createService(options: ServiceOptions): Service {
  const { domain, name, config, log } = options;
  installTracing(domain.correlation);
  requireSafeBinding(config.host, config.identity ?? NO_IDENTITY, log);
  const stopping = new AbortController();
  const runtime = createRuntime(options);
  const definition = options.define(runtime);
  const consumers = definition.subscriptions.map((subscription) =>
    createEventConsumer({ ...runtime, database: runtime.backgroundDatabase, subscription }),
  );
  const health = new HealthRegistry();
  const healthDatabase = createDatabase({
    ...databaseOptions(options),
    size: HEALTH_POOL_SIZE,
    timeoutMs: BACKGROUND_TIMEOUT_MS,
    applicationName: declareConnections(name, connectionsOf(config)),
  });
  const { server, readMetrics } = createServer(config, runtime, definition, consumers, health);

  let address: ListeningAddress | undefined;
  const lifecycle = createLifecycle(
    [
      {
        name: 'database',
        start: async () => {
          await whenUp(log, stopping.signal, async () => {
            await migrate({ ...config, directory: options.migrations, log });
            await checkDatabase({
              url: config.databaseUrl,
              declared: healthDatabase,
              connections: connectionsOf(config),
              pooled: config.databasePooled ?? false,
            });
          });
          await runtime.database.warm(Math.min(WARM_CONNECTIONS, poolSizes(options).calls));
        },
        stop: runtime.database.close,
      },
      { name: 'background database', stop: runtime.backgroundDatabase.close },
      { name: 'own token', start: async () => void (await runtime.ownToken()), stop: async () => runtime.tls?.stop() },
      groupComponents('databases of operators and health', [
        { name: 'ops database', stop: runtime.opsDatabase.close },
        { name: 'health database', stop: healthDatabase.close },
      ]),
      runtime.broker,
      ...(options.publishes === false ? [] : [runtime.relay]),
      ...definition.dependencies,
      ...definition.components,
      groupComponents('rpc server, consumers and their watchers', [
        createPruner(runtime.backgroundDatabase, [...MESSAGING_RULES, ...(definition.pruneRules ?? [])], log),
        createHealthMonitor({ ...runtime, health, database: healthDatabase, isReady: definition.isReady }),
        {
          name: 'rpc server',
          start: async () => {
            address = await server.listen();
          },
          stop: () => server.stop({ graceMs: STOP_GRACE_MS }),
        },
        ...consumers,
      ]),
    ],
    log,
  );

  const stop = async (): Promise<void> => {
    stopping.abort();
    await lifecycle.stop();
  };
  return {
    name,
    start: async () => {
      await lifecycle.start();
      if (address === undefined) throw new Error(`${name} was stopped while it started`);
      log.info({ url: address.url, host: address.host }, 'serving');
      return address;
    },
    stop,
    readMetrics,
    [Symbol.asyncDispose]: stop,
  };
}

function createRuntime(options: ServiceOptions): Runtime & { readonly relay: OutboxRelay } {
  const { domain, name, config, log, processMetrics } = options;
  const metrics = createMetrics(name, processMetrics);
  const { databaseTimeoutMs: timeoutMs = DEFAULT_DATABASE_TIMEOUT_MS } = config;
  const { calls, background } = poolSizes(options);
  const shared = databaseOptions(options);
  const openPool: Runtime['openPool'] = (purpose, limits) =>
    createDatabase({ ...shared, ...limits, telemetry: { pool: purpose, metrics } });
  const database = openPool('calls', { size: calls, timeoutMs });
  const backgroundDatabase = openPool('background', { size: background, timeoutMs: BACKGROUND_TIMEOUT_MS });
  const { natsUrl, natsCredentialsFile: credentialsFile } = config;
  const { ownTokenFile, tls: tlsPaths } = config.identity ?? NO_IDENTITY;
  const opsDatabase = openPool('operators', { size: OPS_POOL_SIZE, timeoutMs: BACKGROUND_TIMEOUT_MS });
  const broker = createBroker({ url: natsUrl, credentialsFile, tls: tlsPaths, service: name, log });
  const relay = createOutboxRelay({ domain, service: name, database: backgroundDatabase, broker, metrics, log });
  const databases = { database, backgroundDatabase, opsDatabase, openPool };
  const identity = { ownToken: createOwnToken(ownTokenFile, log), tls: tlsPaths && openTlsFiles(tlsPaths, log) };
  return { domain, service: name, log, metrics, ...databases, ...identity, broker, relay, wakeRelay: relay.wake };
}

function createServer(
  config: RuntimeConfig,
  runtime: Runtime,
  definition: ServiceDefinition,
  consumers: readonly EventConsumer[],
  health: HealthRegistry,
): { readonly server: RpcServer; readonly readMetrics: ReadMetrics } {
  const { opsDatabase, metrics, domain } = runtime;
  const status: StatusSources = {
    ...runtime,
    database: opsDatabase,
    startTime: new Date(),
    consumers,
    breakers: definition.dependencies.map((dependency) => dependency.breaker),
    ...(definition.countOpenWork === undefined ? {} : { countOpenWork: definition.countOpenWork }),
    ...(definition.listFlags === undefined ? {} : { listFlags: definition.listFlags }),
  };
  const deadLetters = createDeadLetters(opsDatabase, domain, definition.subscriptions);
  const loadShedding = createLoadShedding({ ...runtime, limits: config.callLimits ?? DEFAULT_LIMITS });
  const { tokens, trustDomain } = config.identity ?? NO_IDENTITY;
  const verifyToken = createTokenVerifier(tokens);
  const readMetrics = createMetricReader(metrics.registry, () => refreshGauges(status));
  const server = createRpcServer({
    ...(runtime.tls === undefined ? {} : { tls: runtime.tls.current() }),
    contextValues: (request) => {
      const values = createContextValues();
      setServiceCertificate(values, serviceOf(findClientCertificate(request)?.subjectaltname, trustDomain));
      return values;
    },
    routes: (router) => {
      definition.routes(router);
      router.service(OpsService, createOpsService(status, deadLetters));
    },
    interceptors: createServerInterceptors({
      ...runtime,
      accessControl: createAccessControl({ verifyToken, guestsAllowed: config.guestsAllowed ?? false }),
      loadShedding,
      checks: [...OPS_CHECKS, ...(definition.checks ?? [])],
    }),
    admit: (call) => {
      const refusal = loadShedding.refusalOf(call);
      if (refusal !== undefined) throw toConnectError(refusal, domain);
    },
    ...(config.serverLimits ?? DEFAULT_SERVER_LIMITS),
    errorDomain: domain.domain,
    onLimit: createLimitCounter(metrics.registry),
    host: config.host,
    port: config.port,
    ...(config.corsOrigins === undefined ? {} : { corsOrigins: config.corsOrigins }),
    corsAllowedHeaders: ['authorization', 'traceparent', 'tracestate'],
    maxRequestBytes: MAX_REQUEST_BYTES,
    maxTimeoutMs: MAX_CALL_MS,
    httpRoutes: {
      '/healthz': createHealthRoute(health),
      '/metrics': guardMetrics(createMetricsHandler(readMetrics), verifyToken),
    },
    health,
    onError: (error, where) => runtime.log.info({ err: error, where }, 'an answer could not be sent'),
  });
  prepareRules(server.services.flatMap(({ methods }) => methods.map(({ input }) => input)));
  runtime.tls?.onRenewal((renewed) => server.renewTls(renewed));
  return { server, readMetrics };
}

/** How many connections are for the work that a caller waits for, and how many for background work. */
function poolSizes({ config, ownConnections = 0 }: ServiceOptions) {
  const shared = connectionsOf(config) - OPS_POOL_SIZE - HEALTH_POOL_SIZE - ownConnections;
  const calls = Math.floor((shared * 2) / 3);
  return { calls, background: shared - calls };
}

function connectionsOf({ databaseConnections = DEFAULT_DATABASE_CONNECTIONS }: RuntimeConfig): number {
  return databaseConnections;
}

/** The options that all pools of a service share. */
function databaseOptions({ name, config, log }: ServiceOptions) {
  return { url: config.databaseUrl, pooled: config.databasePooled ?? false, applicationName: name, log };
}

/** Runs `work` until the database answers. */
async function whenUp(log: Logger, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (signal.aborted || !isDatabaseOutage(error)) throw error;
      log.warn({ reason: describeError(error) }, 'the database is unreachable; trying again');
      await pause(backoffMs(attempt, 200, 5_000), signal);
    }
  }
}
