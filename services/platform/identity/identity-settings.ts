// The settings of identity: which tokens a service accepts, and the one it shows to its dependencies.
import { ConfigError, durationMs, onOff, z } from '../base/settings.ts';
import type { TlsPaths } from './tls-files.ts';
import type { TokenSettings } from './token-verifier.ts';

export const identitySettings = {
  TOKEN_ISSUER: z.string().min(1).default('touchstone'),
  TOKEN_AUDIENCE: z.string().min(1).default('touchstone'),
  TOKEN_KEYS: z.string().optional(),
  TOKEN_CLOCK_TOLERANCE_MS: durationMs(5_000, 0),
  IDENTITY_TOKEN_FILE: z.string().optional(),
  TLS_CERT_FILE: z.string().optional(),
  TLS_KEY_FILE: z.string().optional(),
  TLS_CA_FILE: z.string().optional(),
  TRUST_DOMAIN: z.string().min(1).default('touchstone.local'),
  INSECURE: onOff('off'),
};

type Settings = z.output<z.ZodObject<typeof identitySettings>>;

export type IdentityConfig = {
  readonly tokens: TokenSettings;
  /** Path of the token that the service shows to its dependencies; undefined for a service that calls none, or shows a certificate. */
  readonly ownTokenFile: string | undefined;
  /** The files for TLS; undefined serves and calls in cleartext. */
  readonly tls: TlsPaths | undefined;
  /** The services whose certificates are accepted are named `spiffe://<trust domain>/<service>`. */
  readonly trustDomain: string;
  /** Allows cleartext on an address that other machines can reach. */
  readonly insecure: boolean;
};

/** The identity of a service without settings: it accepts no token and has none. */
export const NO_IDENTITY: IdentityConfig = {
  tokens: { issuer: '', audience: '', keys: undefined, clockToleranceMs: 0 },
  ownTokenFile: undefined,
  tls: undefined,
  trustDomain: '',
  insecure: false,
};

/** The part of a service's config that comes from `identitySettings`. */
export function identityConfig(settings: Settings): IdentityConfig {
  return {
    tokens: {
      issuer: settings.TOKEN_ISSUER,
      audience: settings.TOKEN_AUDIENCE,
      keys: settings.TOKEN_KEYS,
      clockToleranceMs: settings.TOKEN_CLOCK_TOLERANCE_MS,
    },
    ownTokenFile: settings.IDENTITY_TOKEN_FILE,
    tls: tlsPathsOf(settings),
    trustDomain: settings.TRUST_DOMAIN,
    insecure: settings.INSECURE === 'on',
  };
}

/**
 * The files for TLS; undefined without them.
 *
 * @throws {ConfigError} when some of them are missing.
 */
export function tlsPathsOf({
  TLS_CERT_FILE: cert,
  TLS_KEY_FILE: key,
  TLS_CA_FILE: ca,
}: Pick<Settings, 'TLS_CERT_FILE' | 'TLS_KEY_FILE' | 'TLS_CA_FILE'>): TlsPaths | undefined {
  if (cert === undefined && key === undefined && ca === undefined) return undefined;
  if (cert !== undefined && key !== undefined && ca !== undefined) return { cert, key, ca };
  throw new ConfigError(
    'cannot start, these settings are wrong:\n  TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE must be set together',
  );
}
