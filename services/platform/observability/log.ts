// Structured logs, one JSON object a line. Every line inside a call or a handler carries its trace id and its correlation id.
import { trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger, pino } from 'pino';
import { describeError } from '../base/errors.ts';
import { cleanText } from '../base/text.ts';
import { correlationField } from './tracing.ts';

export type { Logger } from 'pino';

const MAX_SUMMARY_LENGTH = 1_000;

const SECRET_FIELDS = [
  'payment_method',
  'paymentMethod',
  'password',
  'authorization',
  'token',
  'databaseUrl',
  'natsUrl',
];

/**
 * Creates the logger of a service. Fields that hold secrets are redacted on the first two levels, and errors and reasons lose the
 * passwords of connection strings.
 */
export function createLog(options: {
  readonly service: string;
  readonly level: string;
  readonly destination?: DestinationStream;
}): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[secret]' },
      serializers: { err: serializeError, reason: scrubReason },
      mixin: traceFields,
    },
    options.destination,
  );
}

/** Hides the password of every connection string in a text. It reaches to the last `@` of the word, as it may contain one itself. */
export function scrubSecrets(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/[^:@/\s]*):\S*@/gi, '$1:[secret]@');
}

/** What an error says, fit to be stored and shown: without passwords and unprintable characters, and of bounded length. */
export function summarizeError(error: unknown): string {
  return cleanText(scrubSecrets(describeError(error)), MAX_SUMMARY_LENGTH);
}

function serializeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: scrubSecrets(String(error)) };
  const cause = error.cause === undefined ? {} : { cause: serializeError(error.cause) };
  return { type: error.name, message: scrubSecrets(error.message), stack: scrubSecrets(error.stack ?? ''), ...cause };
}

function scrubReason(reason: unknown): unknown {
  return typeof reason === 'string' ? scrubSecrets(reason) : reason;
}

function traceFields(): Record<string, string> {
  const traceId = trace.getActiveSpan()?.spanContext().traceId;
  return {
    ...(traceId === undefined ? {} : { trace_id: traceId }),
    ...correlationField(),
  };
}
