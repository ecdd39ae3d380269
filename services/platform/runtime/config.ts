// The settings that every service has.
import { count, credential, durationMs, urlOf, z } from '../base/settings.ts';
import { type CallLimits, DEFAULT_LIMITS } from '../server/load-shedding.ts';

/** What every service has: where it listens, what it logs and does at once, who may call it from a browser, where the broker is. */
export const sharedSettings = {
  HOST: z.string().min(1).default('127.0.0.1'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  MAX_CALLS: count(DEFAULT_LIMITS.maxCalls),
  MAX_QUEUED_CALLS: count(DEFAULT_LIMITS.maxQueuedCalls, 0),
  MAX_QUEUE_MS: durationMs(DEFAULT_LIMITS.maxQueueMs),
  MAX_STREAMS: count(DEFAULT_LIMITS.maxStreams),
  NATS_URL: urlOf(['nats:', 'tls:']).default('nats://127.0.0.1:42229'),
  CORS_ORIGINS: z
    .string()
    .optional()
    .transform((list) => list?.split(',').map((origin) => origin.trim()))
    .refine(
      (origins) => origins?.every(isOrigin) ?? true,
      'must be origins like https://shop.example, separated by commas',
    ),
};

/** What every service has that takes part in synthetic orders. */
export const syntheticSettings = {
  SYNTHETIC_CREDENTIAL: credential().optional(),
  SYNTHETIC_RETENTION_MS: durationMs(86_400_000, 1_000),
};

/** The limits among a service's settings. */
export function callLimitsOf(
  settings: Pick<
    z.output<z.ZodObject<typeof sharedSettings>>,
    'MAX_CALLS' | 'MAX_QUEUED_CALLS' | 'MAX_QUEUE_MS' | 'MAX_STREAMS'
  >,
): CallLimits {
  return {
    maxCalls: settings.MAX_CALLS,
    maxQueuedCalls: settings.MAX_QUEUED_CALLS,
    maxQueueMs: settings.MAX_QUEUE_MS,
    maxStreams: settings.MAX_STREAMS,
  };
}

function isOrigin(origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).origin === origin;
}
