// The composition root of the console: the only file here that constructs. Tests build the same.
import { DOMAIN } from '../domain.ts';
import { createReplicaAddresses } from '../platform/client/replica-addresses.ts';
import { createDependency } from '../platform/client/rpc-client.ts';
import type { Logger } from '../platform/observability/log.ts';
import type { ProcessOptions, Service } from '../platform/runtime/service-runtime.ts';
import {
  createStatelessService,
  type StatelessDefinition,
  type StatelessRuntime,
} from '../platform/runtime/stateless-service.ts';
import { createAccessControl } from '../platform/server/access-control.ts';
import { createAlertJudgement } from './alerts-route.ts';
import type { ConsoleConfig } from './config.ts';
import { consoleAccess, noteForeignPage } from './console-access.ts';
import { makeCredentials } from './credentials.ts';
import { SERVICE_NAMES, type ServiceName } from './forwarded-services.ts';
import { overviewRoutes } from './overview.ts';
import { pageRoutes } from './page-files.ts';
import { createPolicy } from './policies.ts';
import { createConsoleRoutes } from './routes.ts';
import { createMetricsReader } from './scrape.ts';
import { signInRoutes } from './sign-in.ts';
import { usageRoutes } from './usage-files.ts';
import { verificationRoutes } from './verification-route.ts';

/** Builds the console; nothing connects or listens before `start`. */
export function createConsoleService(config: ConsoleConfig, log: Logger, options: ProcessOptions = {}): Service {
  return createStatelessService({
    ...options,
    domain: DOMAIN,
    name: 'console',
    config,
    log,
    define: (runtime) => defineConsole(config, runtime),
  });
}

function defineConsole(config: ConsoleConfig, runtime: StatelessRuntime): StatelessDefinition {
  const { verifyToken, log, tls } = runtime;
  // The token of a call is that of its caller: a dependency must not add another.
  const connect = (name: string, url: string) =>
    createDependency({ url, policy: createPolicy(name, config.breakerResetMs), metrics: runtime.metrics, log, tls });
  const dependencies = SERVICE_NAMES.map((name) => connect(name, config.urls[name]));
  const services = Object.fromEntries(dependencies.map((dependency) => [dependency.name, dependency]));
  const { localControlUrl, signIn, urls } = config;
  const localControl = localControlUrl === undefined ? undefined : connect('local-control', localControlUrl);
  const credentials = makeCredentials(verifyToken, runtime.ownToken, signIn);
  const secure = tls !== undefined;
  const replicas = SERVICE_NAMES.map((name) => ({ name, addresses: createReplicaAddresses(urls[name]) }));
  const readMetrics = createMetricsReader({ replicas, tls, log });
  const alerts = createAlertJudgement({ rulesFile: config.rulesFile, readMetrics, credentials, log });
  return {
    routes: createConsoleRoutes({ services: services as Record<ServiceName, (typeof dependencies)[0]>, localControl }),
    // Whether guests may order is for the order service to say.
    accessControl: consoleAccess(createAccessControl({ verifyToken, guestsAllowed: true }), credentials),
    describeRequest: noteForeignPage,
    httpRoutes: {
      ...pageRoutes(config.pageDirectory),
      ...signInRoutes({ credentials, verifyToken, signIn, secure, hasLocalControl: localControl !== undefined }),
      ...overviewRoutes(readMetrics, credentials),
      ...alerts.routes,
      ...usageRoutes(config.usageDirectory, credentials),
      ...verificationRoutes(config.verificationFolders, credentials),
    },
    dependencies: localControl === undefined ? dependencies : [...dependencies, localControl],
    components: [alerts.watch],
  };
}
