// The token that the command-line programs show: an operator's.
import type { Interceptor } from '@connectrpc/connect';
import { type Environment, parseSettings, z } from '../../services/platform/base/settings.ts';
import { readTokenIssuer } from './token-issuer.ts';

const LIFETIME_MS = 3_600_000;

/**
 * Returns the token in TOKEN, or issues one for the platform whose data is in DATA_DIR.
 * @throws {Error} when TOKEN is unset and the data directory holds no secret.
 */
export async function readOperatorToken(environment: Environment): Promise<string> {
  const { TOKEN, DATA_DIR } = parseSettings(environment, {
    TOKEN: z.string().optional(),
    DATA_DIR: z.string().default('.data'),
  });
  if (TOKEN !== undefined) return TOKEN;
  const issuer = await readTokenIssuer(DATA_DIR);
  return await issuer.issue({ role: 'operator', subject: 'command-line', lifetimeMs: LIFETIME_MS });
}

/** Sends a token with every call. */
export function showToken(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
}
