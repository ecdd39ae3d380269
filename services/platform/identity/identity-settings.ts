// The settings of identity: which tokens a service accepts, and the one it shows to its dependencies.
import { durationMs, z } from '../base/settings.ts';
import type { TokenSettings } from './token-verifier.ts';

export const identitySettings = {
  TOKEN_ISSUER: z.string().min(1).default('touchstone'),
  TOKEN_AUDIENCE: z.string().min(1).default('touchstone'),
  TOKEN_KEYS: z.string().optional(),
  TOKEN_CLOCK_TOLERANCE_MS: durationMs(5_000, 0),
  IDENTITY_TOKEN_FILE: z.string().optional(),
};

export type IdentityConfig = {
  readonly tokens: TokenSettings;
  /** Path of the token that the service shows to its dependencies; undefined for a service that calls none, or shows a certificate. */
  readonly ownTokenFile: string | undefined;
};

/** The identity of a service without settings: it accepts no token and has none. */
export const NO_IDENTITY: IdentityConfig = {
  tokens: { issuer: '', audience: '', keys: undefined, clockToleranceMs: 0 },
  ownTokenFile: undefined,
};

/** The part of a service's config that comes from `identitySettings`. */
export function identityConfig(settings: z.output<z.ZodObject<typeof identitySettings>>): IdentityConfig {
  return {
    tokens: {
      issuer: settings.TOKEN_ISSUER,
      audience: settings.TOKEN_AUDIENCE,
      keys: settings.TOKEN_KEYS,
      clockToleranceMs: settings.TOKEN_CLOCK_TOLERANCE_MS,
    },
    ownTokenFile: settings.IDENTITY_TOKEN_FILE,
  };
}
