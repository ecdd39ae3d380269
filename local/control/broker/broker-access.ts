// How the control port reaches the broker: with a user that may read every stream.
import type { ConnectionOptions } from 'nats';
import { parseBrokerUrl } from '../../../services/platform/messaging/broker-url.ts';

export const BROKER_TIMEOUT_MS = 2_000;

export type BrokerAccess = {
  /** The address, with a user that may read every stream. A secret. */
  readonly url: string;
  /** PEM of the authority of a broker with TLS. */
  readonly authority: string | undefined;
};

/** The options of a connection that is never opened again; `name` is how the broker lists it. */
export function connectionOptions({ url, authority }: BrokerAccess, name: string): ConnectionOptions {
  const { servers, isTls, login } = parseBrokerUrl(url);
  return {
    servers: [...servers],
    name,
    reconnect: false,
    timeout: BROKER_TIMEOUT_MS,
    ...login,
    ...(isTls ? { tls: authority === undefined ? {} : { ca: authority } } : {}),
  };
}
