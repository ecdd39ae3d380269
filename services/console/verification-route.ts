// The last verification of every contract, read when an operator's page asks.
import type { HttpHandler } from '#packages/rpc-server/index.ts';
import { describeError, unavailable } from '../platform/base/errors.ts';
import { readVerifications } from './contracts/verification-results.ts';
import type { Credentials } from './credentials.ts';
import { jsonRoute } from './json-route.ts';

export type VerificationFolders = {
  /** The folder of the contract files; undefined shows none. */
  readonly contracts: string | undefined;
  /** The folder of the results; undefined has none. */
  readonly results: string | undefined;
};

/** The route that answers one entry for each contract. */
export function verificationRoutes(
  { contracts, results }: VerificationFolders,
  credentials: Credentials,
): Record<string, HttpHandler> {
  return {
    '/console/verifications': jsonRoute('GET', async ({ headers }) => {
      await credentials.requireOperator(headers);
      if (contracts === undefined || results === undefined) return { body: { pairs: [] } };
      try {
        return { body: { pairs: await readVerifications(contracts, results) } };
      } catch (cause) {
        const message = `the results of the verifications cannot be read: ${describeError(cause)}`;
        throw unavailable({ reason: 'RESULTS_UNREADABLE', message, cause });
      }
    }),
  };
}
