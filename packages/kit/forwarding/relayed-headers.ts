// The headers that a recorder forwards: those that callers and services set. Headers of the connection and of the protocol are not
// forwarded, because each side of the recorder has its own.

const CONNECTION_HEADERS = [
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

const PROTOCOL_HEADERS = [
  'connect-accept-encoding',
  'connect-content-encoding',
  'connect-protocol-version',
  'connect-timeout-ms',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-message-type',
  'grpc-status',
  // Contains the error details in binary form, where redacted values could not be removed.
  'grpc-status-details-bin',
  'grpc-timeout',
  'x-grpc-web',
  'x-user-agent',
];

const NOT_FORWARDED = new Set([...CONNECTION_HEADERS, ...PROTOCOL_HEADERS]);

/** Returns the headers to forward. */
export function relayedOf(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => !NOT_FORWARDED.has(name) && !isCorsHeader(name)));
}

// CORS headers apply to one origin, and the recorder has another one than the service.
function isCorsHeader(name: string): boolean {
  return name.startsWith('access-control-');
}

/** Adds headers to others. */
export function addHeaders(target: Headers, headers: Headers): void {
  for (const [name, value] of headers) target.append(name, value);
}
