// The provisioning step: creates the streams and consumers of all services, with credentials that no service has. It runs before the
// services start, and again after a change of the event flows or of the limits.
import type { Domain } from '../base/domain.ts';
import { checkTlsFiles, type TlsPaths } from '../identity/tls-files.ts';
import { openSession } from './broker.ts';
import { explainProvisioningError } from './broker-faults.ts';
import { type EventFlow, provisionStreams, type StreamLimits } from './streams.ts';

/** The name of the user: the connection's name, and part of the prefix of its inbox. */
const PROVISIONER = 'provisioner';

export type ProvisioningOptions = {
  /** The broker, with the provisioner's user and password; the servers of a cluster are separated by commas. */
  readonly url: string;
  /** The credentials file of the provisioner, instead of user and password in the url. */
  readonly credentialsFile?: string | undefined;
  /** For a `tls:` url: the authorities to accept, and the certificate to show. */
  readonly tls?: TlsPaths | undefined;
  readonly domain: Domain;
  readonly flows: readonly EventFlow[];
  /** Default: 1 GiB a stream, 256 KiB an event, one replica. */
  readonly limits?: Partial<StreamLimits>;
};

/**
 * Connects, creates what is missing, updates what exists, disconnects.
 *
 * @throws {Error} the broker does not answer or refuses; the message names the setting at fault where that is known.
 */
export async function provisionBroker(options: ProvisioningOptions): Promise<void> {
  const { url, credentialsFile, tls, domain, flows, limits } = options;
  if (tls !== undefined) checkTlsFiles(tls);
  const settingPrefix = 'PROVISION_NATS';
  const { connection, manager } = await openSession({ url, credentialsFile, settingPrefix, tls, service: PROVISIONER });
  try {
    await provisionStreams(manager, domain, flows, limits);
  } catch (error) {
    throw explainProvisioningError(error, limits?.replicas ?? 1);
  } finally {
    await connection.close();
  }
}
