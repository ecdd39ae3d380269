// The address of the broker: one server, or the servers of a cluster, as the settings give it.
import { z } from '../base/settings.ts';

const PROTOCOLS = ['nats:', 'tls:'];

/** The servers of one broker, and how to log in. */
export type BrokerAddress = {
  /** `host:port` of each server. */
  readonly servers: readonly string[];
  readonly isTls: boolean;
  /** Undefined for a user with a credentials file. */
  readonly login: { readonly user: string; readonly pass: string } | undefined;
  /** Under which subjects the user's account imports the JetStream API of another account. */
  readonly apiPrefix: string | undefined;
};

/**
 * `nats://user:password@host:port`, or several servers of one cluster separated by commas. User, password and parameters stand at the
 * first; the others name the same or none. Has no default.
 */
export const brokerUrl = () =>
  z.string().superRefine((text, context) => {
    const fault = findFault(text);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });

/**
 * Reads an address that `brokerUrl` accepts.
 *
 * @throws {TypeError} saying what is wrong with it, never its text.
 */
export function parseBrokerUrl(text: string): BrokerAddress {
  const fault = findFault(text);
  const [first, ...others] = split(text);
  if (fault !== undefined || first === undefined) throw new TypeError(`the address of the broker ${fault}`);
  const { protocol, username, password, searchParams } = new URL(first);
  return {
    servers: [first, ...others].map((server) => new URL(server).host),
    isTls: protocol === 'tls:',
    login: username === '' ? undefined : { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
    apiPrefix: searchParams.get('api_prefix') ?? undefined,
  };
}

function split(text: string): string[] {
  return text.split(',').map((server) => server.trim());
}

function findFault(text: string): string | undefined {
  const servers = split(text);
  if (!servers.every(isServer)) {
    const several = servers.length > 1 ? 'addresses, separated by commas, that start' : 'an address that starts';
    return `must be ${several} with nats:// or tls://`;
  }
  const urls = servers.map((server) => new URL(server));
  const [first, ...others] = urls;
  if (others.some(({ protocol }) => protocol !== first?.protocol)) return 'must not mix nats:// and tls://';
  if (urls.some(({ searchParams }) => [...searchParams.keys()].some((name) => name !== 'api_prefix')))
    return 'must have no other parameter than api_prefix';
  const login = ({ username, password, search }: URL) => `${username}:${password}${search}`;
  if (others.some((url) => first !== undefined && ![login(first), ':'].includes(login(url))))
    return 'must name user, password and parameters with the first server, and the same or none with the others';
  return undefined;
}

function isServer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return PROTOCOLS.includes(protocol) && hostname !== '';
}
