// The address of the upstream service, read from its URL.

export type UpstreamAddress = {
  readonly host: string;
  readonly port: number;
  /** Such as `https:`. */
  readonly protocol: string;
  /** Returns the upstream's URL with another address in it, and with another protocol if one is given. */
  urlAt(host: string, port: number, protocol?: string): string;
};

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'nats:': 4222,
  'postgres:': 5432,
  'postgresql:': 5432,
  'smtp:': 25,
};

/**
 * Reads a URL of any scheme, such as `http://127.0.0.1:50052` or `nats://127.0.0.1:4222`.
 *
 * @throws {TypeError} if it is not a URL or has no port. The message does not repeat the URL, which may contain a password.
 */
export function parseUpstream(text: string): UpstreamAddress {
  const url = URL.parse(text);
  if (url === null || url.hostname === '') {
    throw new TypeError('"upstream" must be a URL with a host, such as http://127.0.0.1:50052');
  }
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port);
  if (port === undefined || port === 0)
    throw new TypeError('"upstream" must name its port, such as tcp://127.0.0.1:7000');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    protocol: url.protocol,
    urlAt(proxyHost, proxyPort, protocol = url.protocol) {
      const proxy = new URL(url);
      proxy.protocol = protocol;
      proxy.hostname = proxyHost.includes(':') ? `[${proxyHost}]` : proxyHost;
      proxy.port = String(proxyPort);
      return text.endsWith('/') ? proxy.href : proxy.href.replace(/\/$/, '');
    },
  };
}

/** Removes user and password from a URL, which the proxy's URL takes over from that of the upstream service. */
export function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
