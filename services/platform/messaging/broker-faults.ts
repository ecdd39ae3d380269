// Why there is no connection to the broker, or no stream, in words that name the setting at fault: the client's errors are codes.
import { readFile } from 'node:fs/promises';
import { describeError } from '../base/errors.ts';
import { ConfigError } from '../base/settings.ts';

/** What the names of the settings of a user begin with: a service's, or the provisioning step's. */
export type SettingPrefix = 'NATS' | 'PROVISION_NATS';

const REFUSED_USER = /authorization|authentication|permissions violation/i;
const FAILED_TLS = /^tls$|certificate|self.signed|ssl|handshake|altnames/i;
const TOO_FEW_SERVERS = /replicas > 1|no suitable peers|insufficient/i;

/** Explains an error of the client; `servers` are those of the address. */
export function explainConnectError(error: unknown, servers: readonly string[], prefix: SettingPrefix): Error {
  const reason = describeError(error);
  const url = `${prefix}_URL`;
  if (REFUSED_USER.test(reason))
    return new Error(`the broker refuses the user of ${url} or ${prefix}_CREDS_FILE: ${reason}`, { cause: error });
  if (FAILED_TLS.test(reason))
    return new Error(
      `TLS with the servers of ${url} fails; it must start with tls:// where they speak TLS, and TLS_CA_FILE must have their authority: ${reason}`,
      { cause: error },
    );
  return new Error(`no server of ${url} answers, of ${servers.join(', ')}: ${reason}`, { cause: error });
}

/** Explains why a stream or a consumer is refused; an error with another cause is returned as it is. */
export function explainProvisioningError(error: unknown, replicas: number): unknown {
  const reason = describeError(error);
  if (!TOO_FEW_SERVERS.test(reason)) return error;
  return new Error(`NATS_REPLICAS is ${replicas}, and the broker has fewer servers with room: ${reason}`, {
    cause: error,
  });
}

/**
 * Reads a credentials file.
 *
 * @throws {ConfigError} there is none at that path, naming the setting and never the content.
 */
export async function readCredentialsFile(path: string, prefix: SettingPrefix): Promise<Uint8Array> {
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    throw new ConfigError(`${prefix}_CREDS_FILE cannot be read: ${describeError(error)}`, { cause: error });
  }
  const isComplete = ['BEGIN NATS USER JWT', 'BEGIN USER NKEY SEED'].every((part) => content.includes(part));
  if (!isComplete)
    throw new ConfigError(`${prefix}_CREDS_FILE must name a credentials file of NATS, with a JWT and a seed`);
  return content;
}
