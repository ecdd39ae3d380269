// Types and parsing of settings. Each service lists its own; a start with bad settings reports every fault at once and fails.
import { z } from 'zod';
import { splitDatabaseUrl } from './database-url.ts';

export { z } from 'zod';

/** The environment as main.ts passes it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Bad settings. The message has one line for each fault, naming the setting, never its value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A TCP port; with 0 the system chooses one. */
export const port = (defaultPort: number) => wholeNumber(0, 65_535).default(defaultPort);

/** A duration in milliseconds, `minimum` (1 by default) to one day. */
export const durationMs = (defaultMs: number, minimum = 1) => wholeNumber(minimum, 86_400_000).default(defaultMs);

/** The same, or undefined. */
export const optionalDurationMs = (minimum = 1) => wholeNumber(minimum, 86_400_000).optional();

/** The address of an HTTP service, like `http://127.0.0.1:50052`. */
export const httpUrl = (defaultUrl: string) => urlOf(['http:', 'https:']).default(defaultUrl);

/** The addresses of a service's replicas, separated by commas; a host name stands for all its addresses. */
export const httpUrls = (defaultUrl: string) =>
  z
    .string()
    .refine(
      (list) => list.split(',').every((url) => urlOf(['http:', 'https:']).safeParse(url.trim()).success),
      'must be addresses that start with http:// or https://, separated by commas',
    )
    .default(defaultUrl);

/** The address of an HTTP service, or undefined. */
export const optionalHttpUrl = () => urlOf(['http:', 'https:']).optional();

/**
 * `postgres://user:password@host:port/database`; several `host:port`, separated by commas, are a primary and its standbys. Has no
 * default.
 */
export const postgresUrl = () =>
  z.string().refine((text) => splitDatabaseUrl(text) !== undefined, {
    error: ({ input }) =>
      /[?&]target_session_attrs=(?!(read-write|primary)(&|$))/.test(String(input))
        ? 'must name no other target_session_attrs than read-write'
        : 'must be an address that starts with postgres:// or postgresql://',
  });

/** `smtp://host:port`. */
export const smtpUrl = (defaultUrl: string) => urlOf(['smtp:', 'smtps:']).default(defaultUrl);

/** A secret of at least 16 characters that fits in a header; has no default. */
export const credential = () => z.string().regex(/^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 visible ASCII characters');

/** A switch. */
export const onOff = (defaultState: 'on' | 'off') => z.enum(['on', 'off']).default(defaultState);

/** A count of at least `minimum` (1 by default). */
export const count = (defaultCount: number, minimum = 1) => wholeNumber(minimum, 1_000_000).default(defaultCount);

/** The metadata of a setting whose empty value means none. By default, an empty value counts as unset. */
export const KEEPS_EMPTY = { keepsEmpty: true };

/**
 * Parses the settings of a service.
 *
 * @throws {ConfigError} naming every faulty setting.
 */
export function parseSettings<Shape extends z.ZodRawShape>(
  environment: Environment,
  shape: Shape,
): z.output<z.ZodObject<Shape>> {
  const keepsEmpty = (name: string): boolean => (shape[name] as z.ZodType | undefined)?.meta()?.keepsEmpty === true;
  const present = Object.fromEntries(
    Object.entries(environment).filter(([name, value]) => value !== undefined && (value !== '' || keepsEmpty(name))),
  );
  const result = z.object(shape).safeParse(present);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => {
    const name = issue.path.join('.');
    return present[name] === undefined ? `${name} must be set` : `${name} ${issue.message}`;
  });
  throw new ConfigError(`cannot start, these settings are wrong:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
}

/**
 * Leaves out the settings that are faulty, each with a line that names it, never its value. For settings of a thing that the service
 * works without.
 */
export function dropFaulty(
  environment: Environment,
  shape: z.ZodRawShape,
): { readonly accepted: Environment; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const accepted = Object.entries(shape).flatMap(([name, type]) => {
    const value = environment[name];
    if (value === undefined || value === '') return [];
    const { error } = z.safeParse(type, value);
    if (error === undefined) return [[name, value] as const];
    faults.push(`${name} ${error.issues[0]?.message ?? 'is not valid'}`);
    return [];
  });
  return { accepted: Object.fromEntries(accepted), faults };
}

function wholeNumber(minimum: number, maximum: number) {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .string()
    .regex(/^\d{1,10}$/, message)
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, message);
}

/** A URL of one of these protocols, like `https:`; has no default. */
export function urlOf(protocols: readonly string[]) {
  const message = `must be an address that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), message);
}
