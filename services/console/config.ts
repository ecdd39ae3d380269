// The settings of the console.
import { fileURLToPath } from 'node:url';
import {
  ConfigError,
  durationMs,
  type Environment,
  httpUrls,
  onOff,
  optionalHttpUrl,
  parseSettings,
  port,
  z,
} from '../platform/base/settings.ts';
import { identityConfig, identitySettings } from '../platform/identity/identity-settings.ts';
import { isLoopback } from '../platform/identity/safe-binding.ts';
import { sharedSettings } from '../platform/runtime/config.ts';
import { serverLimitSettings, serverLimits } from '../platform/runtime/server-limits.ts';
import type { StatelessConfig } from '../platform/runtime/stateless-service.ts';
import { DEFAULT_LIMITS } from '../platform/server/load-shedding.ts';
import { SERVICE_NAMES, type ServiceName } from './forwarded-services.ts';
import type { VerificationFolders } from './verification-route.ts';

export type ConsoleConfig = StatelessConfig & {
  readonly logLevel: string;
  /** The addresses of each service's replicas, separated by commas. */
  readonly urls: Readonly<Record<ServiceName, string>>;
  /** The control port of the local stack; undefined elsewhere. */
  readonly localControlUrl: string | undefined;
  /** Whether operators have to sign in; if not, the page acts by the console's own token. */
  readonly signIn: boolean;
  /** The folder of the built page. */
  readonly pageDirectory: string;
  /** The folder of the usage files that the contract tests write; undefined shows none. */
  readonly usageDirectory: string | undefined;
  /** Where the contracts are, and what the contract tests last found; undefined shows none. */
  readonly verificationFolders: VerificationFolders;
  /** The file of the alerting rules; undefined judges none. */
  readonly rulesFile: string | undefined;
  /** From opening a circuit breaker to its probe. */
  readonly breakerResetMs: number;
};

const { HOST, LOG_LEVEL, MAX_CALLS, MAX_QUEUED_CALLS, MAX_QUEUE_MS, MAX_STREAMS, CORS_ORIGINS } = sharedSettings;
const PAGE = fileURLToPath(new URL('./page/dist', import.meta.url));

/**
 * Reads the settings.
 * @throws {ConfigError} naming every invalid setting.
 */
export function loadConfig(environment: Environment): ConsoleConfig {
  const settings = parseSettings(environment, {
    ...{ HOST, LOG_LEVEL, MAX_CALLS, MAX_QUEUED_CALLS, MAX_QUEUE_MS, MAX_STREAMS, CORS_ORIGINS },
    ...identitySettings,
    ...serverLimitSettings,
    CONSOLE_PORT: port(8_080),
    ORDER_URL: httpUrls('http://127.0.0.1:50051'),
    INVENTORY_URL: httpUrls('http://127.0.0.1:50052'),
    PAYMENT_URL: httpUrls('http://127.0.0.1:50053'),
    NOTIFICATION_URL: httpUrls('http://127.0.0.1:50054'),
    ANALYTICS_URL: httpUrls('http://127.0.0.1:50055'),
    MONITOR_URL: httpUrls('http://127.0.0.1:50056'),
    LOCAL_CONTROL_URL: optionalHttpUrl(),
    CONSOLE_SIGN_IN: onOff('on'),
    CONSOLE_PAGE_DIR: z.string().min(1).default(PAGE),
    CONSOLE_USAGE_DIR: z.string().min(1).optional(),
    CONSOLE_CONTRACTS_DIR: z.string().min(1).optional(),
    CONSOLE_VERIFICATION_DIR: z.string().min(1).optional(),
    CONSOLE_RULES_FILE: z.string().min(1).optional(),
    BREAKER_RESET_MS: durationMs(1_000),
  });
  if (settings.CONSOLE_SIGN_IN === 'off') requireLoopback(settings.HOST);
  const all: Record<string, unknown> = settings;
  const urlOf = (name: ServiceName) => [name, String(all[`${name.toUpperCase()}_URL`])] as const;
  return {
    host: settings.HOST,
    port: settings.CONSOLE_PORT,
    corsOrigins: settings.CORS_ORIGINS,
    identity: identityConfig(settings),
    callLimits: {
      ...DEFAULT_LIMITS,
      maxCalls: settings.MAX_CALLS,
      maxQueuedCalls: settings.MAX_QUEUED_CALLS,
      maxQueueMs: settings.MAX_QUEUE_MS,
      maxStreams: settings.MAX_STREAMS,
    },
    serverLimits: serverLimits(settings),
    logLevel: settings.LOG_LEVEL,
    urls: Object.fromEntries(SERVICE_NAMES.map(urlOf)) as Record<ServiceName, string>,
    localControlUrl: settings.LOCAL_CONTROL_URL,
    signIn: settings.CONSOLE_SIGN_IN === 'on',
    pageDirectory: settings.CONSOLE_PAGE_DIR,
    usageDirectory: settings.CONSOLE_USAGE_DIR,
    verificationFolders: { contracts: settings.CONSOLE_CONTRACTS_DIR, results: settings.CONSOLE_VERIFICATION_DIR },
    rulesFile: settings.CONSOLE_RULES_FILE,
    breakerResetMs: settings.BREAKER_RESET_MS,
  };
}

// Without a sign-in, every visitor of the page is an operator.
function requireLoopback(host: string): void {
  if (isLoopback(host)) return;
  const fault = `CONSOLE_SIGN_IN must be on, because HOST ${host} can be reached by other machines`;
  throw new ConfigError(`cannot start, these settings are wrong:\n  ${fault}`);
}
