// The runtime of a service without database, broker and events: log, metrics, identity, RPC server, health and lifecycle, as every
// service has them (service-runtime.ts).
import type { IncomingMessage } from 'node:http';
import { type ConnectRouter, type ContextValues, createContextValues, type Interceptor } from '@connectrpc/connect';
import {
  createRpcServer,
  HealthRegistry,
  type HttpHandler,
  type ListeningAddress,
} from '#packages/rpc-server/index.ts';
import type { Domain } from '../base/domain.ts';
import { type Component, createLifecycle } from '../base/lifecycle.ts';
import type { Dependency } from '../client/rpc-client.ts';
import type { IdentityConfig } from '../identity/identity-settings.ts';
import { requireSafeBinding } from '../identity/safe-binding.ts';
import { openTlsFiles, type TlsFiles } from '../identity/tls-files.ts';
import { createOwnToken, type OwnToken } from '../identity/token-file.ts';
import { createTokenVerifier, type VerifyToken } from '../identity/token-verifier.ts';
import type { Logger } from '../observability/log.ts';
import { createMetricReader } from '../observability/metric-reader.ts';
import { createMetrics, type Metrics } from '../observability/metrics.ts';
import { createMetricsHandler } from '../observability/metrics-handler.ts';
import { installTracing } from '../observability/tracing.ts';
import { type CallLimits, createLoadShedding } from '../server/load-shedding.ts';
import { guardMetrics } from '../server/metrics-access.ts';
import { toConnectError } from '../server/rpc-errors.ts';
import { createServerInterceptors } from '../server/rpc-interceptors.ts';
import { createHealthRoute } from './health-route.ts';
import { createLimitCounter, type ServerLimits } from './server-limits.ts';
import type { ProcessOptions, Service } from './service-runtime.ts';

const MAX_REQUEST_BYTES = 1024 * 1024;
const MAX_CALL_MS = 60 * 60 * 1_000;
const STOP_GRACE_MS = 5_000;
const NOTHING_TO_QUERY = async (): Promise<void> => undefined;

/** The part of a stateless service's config that its runtime uses. */
export type StatelessConfig = {
  readonly host: string;
  readonly port: number;
  readonly corsOrigins: readonly string[] | undefined;
  readonly callLimits: CallLimits;
  readonly serverLimits: ServerLimits;
  readonly identity: IdentityConfig;
};

/** What a stateless service builds its own parts from. */
export type StatelessRuntime = {
  readonly domain: Domain;
  readonly service: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly verifyToken: VerifyToken;
  /** The service's own token, from IDENTITY_TOKEN_FILE. */
  readonly ownToken: OwnToken;
  /** The service's certificate and the authorities it trusts; undefined without TLS. */
  readonly tls: TlsFiles | undefined;
};

/** What a stateless service adds to the runtime. */
export type StatelessDefinition = {
  readonly routes: (router: ConnectRouter) => void;
  readonly accessControl: Interceptor;
  /** Adds what it knows of a request to the context of its call, before the call is read. */
  readonly describeRequest?: (request: IncomingMessage, values: ContextValues) => void;
  /** Plain HTTP by path; /metrics is added. */
  readonly httpRoutes: Readonly<Record<string, HttpHandler>>;
  readonly dependencies: readonly Pick<Dependency, 'name' | 'stop'>[];
  /** Started in this order before the port opens and stopped after it closes. */
  readonly components: readonly Component[];
};

export type StatelessOptions = ProcessOptions & {
  readonly domain: Domain;
  readonly name: string;
  readonly config: StatelessConfig;
  readonly log: Logger;
  readonly define: (runtime: StatelessRuntime) => StatelessDefinition;
};

/** Builds a service; nothing connects or listens before `start`. */
export function createStatelessService(options: StatelessOptions): Service {
  const { domain, name, config, log } = options;
  const { identity } = config;
  installTracing(domain.correlation);
  requireSafeBinding(config.host, identity, log);
  const runtime: StatelessRuntime = {
    domain,
    service: name,
    log,
    metrics: createMetrics(name, options.processMetrics),
    verifyToken: createTokenVerifier(identity.tokens),
    ownToken: createOwnToken(identity.ownTokenFile, log),
    tls: identity.tls && openTlsFiles(identity.tls, log),
  };
  const definition = options.define(runtime);
  const server = createServer(config, runtime, definition);
  let address: ListeningAddress | undefined;
  const lifecycle = createLifecycle(
    [
      { name: 'certificates', stop: async () => runtime.tls?.stop() },
      ...definition.dependencies,
      ...definition.components,
      {
        name: 'rpc server',
        start: async () => {
          address = await server.listen();
        },
        stop: () => server.stop({ graceMs: STOP_GRACE_MS }),
      },
    ],
    log,
  );
  return {
    name,
    start: async () => {
      await lifecycle.start();
      if (address === undefined) throw new Error(`${name} was stopped while it started`);
      log.info({ url: address.url, host: address.host }, 'serving');
      return address;
    },
    stop: lifecycle.stop,
    readMetrics: createMetricReader(runtime.metrics.registry, NOTHING_TO_QUERY),
    [Symbol.asyncDispose]: lifecycle.stop,
  };
}

function createServer(config: StatelessConfig, runtime: StatelessRuntime, definition: StatelessDefinition) {
  const { metrics, domain, log, verifyToken, tls } = runtime;
  const loadShedding = createLoadShedding({ metrics, log, limits: config.callLimits });
  const health = new HealthRegistry();
  const server = createRpcServer({
    ...(tls === undefined ? {} : { tls: tls.current() }),
    contextValues: (request) => {
      const values = createContextValues();
      definition.describeRequest?.(request, values);
      return values;
    },
    routes: definition.routes,
    interceptors: createServerInterceptors({
      domain,
      metrics,
      log,
      accessControl: definition.accessControl,
      loadShedding,
      isForwarding: true,
    }),
    admit: (call) => {
      const refusal = loadShedding.refusalOf(call);
      if (refusal !== undefined) throw toConnectError(refusal, domain);
    },
    ...config.serverLimits,
    errorDomain: domain.domain,
    onLimit: createLimitCounter(metrics.registry),
    host: config.host,
    port: config.port,
    ...(config.corsOrigins === undefined ? {} : { corsOrigins: config.corsOrigins }),
    maxRequestBytes: MAX_REQUEST_BYTES,
    maxTimeoutMs: MAX_CALL_MS,
    httpRoutes: {
      '/healthz': createHealthRoute(health),
      '/metrics': guardMetrics(
        createMetricsHandler(createMetricReader(metrics.registry, NOTHING_TO_QUERY)),
        verifyToken,
      ),
      ...definition.httpRoutes,
    },
    health,
    onError: (error, where) => log.info({ err: error, where }, 'an answer could not be sent'),
  });
  tls?.onRenewal((renewed) => server.renewTls(renewed));
  return server;
}
