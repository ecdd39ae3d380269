// The addresses of a dependency's replicas: a list of URLs, whose host names stand for all addresses that DNS has for them.
import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP } from 'node:net';

const RESOLVE_AGAIN_MS = 10_000;

/** Where a replica is. */
export type ReplicaAddress = {
  /** Its base URL, such as `http://10.0.0.7:50052`. */
  readonly url: string;
  /** The name that its certificate has, where the URL has an IP address in place of it. */
  readonly serverName?: string;
};

export type ReplicaAddresses = {
  /** The current addresses, at least one. Waits for DNS the first time only. */
  current(): Promise<readonly ReplicaAddress[]>;
};

type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;
type Options = { readonly lookup?: Lookup; readonly now?: () => number };

const lookUpAll: Lookup = (hostname) => dns.lookup(hostname, { all: true });

/**
 * Creates the addresses of `http://one:50052,http://two:50052`. Names are resolved again every 10 s, in the background; while that fails,
 * a name keeps the addresses that it had.
 */
export function createReplicaAddresses(
  list: string,
  { lookup = lookUpAll, now = () => performance.now() }: Options = {},
): ReplicaAddresses {
  const urls = splitUrls(list);
  const isFixed = urls.every((url) => !isName(new URL(url).hostname));
  let known: Promise<readonly ReplicaAddress[]> | undefined;
  let resolvedAt = now();

  const lastFound = new Map<string, readonly ReplicaAddress[]>();
  const resolveOne = async (url: string): Promise<readonly ReplicaAddress[]> => {
    try {
      lastFound.set(url, await resolve(url, lookup));
    } catch {
      // Nothing is known: the connection to the name fails with the same reason.
    }
    return lastFound.get(url) ?? [{ url }];
  };
  const resolveAll = async (): Promise<readonly ReplicaAddress[]> => (await Promise.all(urls.map(resolveOne))).flat();

  return {
    current: () => {
      if (isFixed) known ??= Promise.resolve(urls.map((url) => ({ url })));
      if (known === undefined) {
        resolvedAt = now();
        known = resolveAll();
      } else if (!isFixed && now() - resolvedAt >= RESOLVE_AGAIN_MS) {
        resolvedAt = now();
        const previous = known;
        // Calls go on with the addresses known so far.
        void resolveAll().then((addresses) => {
          if (known === previous) known = Promise.resolve(addresses);
        });
      }
      return known;
    },
  };
}

/** The URLs of a list that the setting `httpUrls` accepts. */
function splitUrls(list: string): string[] {
  return list.split(',').map((url) => url.trim());
}

function isName(hostname: string): boolean {
  return hostname !== 'localhost' && isIP(hostname.replace(/^\[|\]$/g, '')) === 0;
}

async function resolve(url: string, lookup: Lookup): Promise<readonly ReplicaAddress[]> {
  const { hostname } = new URL(url);
  if (!isName(hostname)) return [{ url }];
  const found = await lookup(hostname);
  // A replica with an address of each family is one replica.
  const addresses = found.filter(({ family }) => family === found[0]?.family);
  if (addresses.length < 2) return [{ url }];
  return addresses.map(({ address, family }) => {
    const replica = new URL(url);
    replica.hostname = family === 6 ? `[${address}]` : address;
    return { url: replica.href.replace(/\/$/, ''), serverName: hostname };
  });
}
