// Which headers a recorder passes on: all that callers and services set, and none that belong to one connection or to
// the protocol, which each side of the recorder has of its own.

const ofConnection = [
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
];

const ofProtocol = [
  'connect-accept-encoding',
  'connect-content-encoding',
  'connect-protocol-version',
  'connect-timeout-ms',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-message-type',
  'grpc-status',
  // The details of an error as they were: what is redacted in them must not pass this way.
  'grpc-status-details-bin',
  'grpc-timeout',
  'x-grpc-web',
  'x-user-agent',
];

const kept = new Set([...ofConnection, ...ofProtocol]);

/** Returns the headers that go on to the other side. */
export function relayedOf(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => !kept.has(name) && !isOfBrowser(name)));
}

// The recorder's own port answers a browser; its service has another origin.
function isOfBrowser(name: string): boolean {
  return name.startsWith('access-control-');
}

/** Adds headers to those of an answer. */
export function addHeaders(target: Headers, headers: Headers): void {
  for (const [name, value] of headers) target.append(name, value);
}
