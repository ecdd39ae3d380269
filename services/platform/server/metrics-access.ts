// Who may read /metrics: a process on this machine, and from elsewhere an operator or the monitor with its token.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoopback } from '../identity/safe-binding.ts';
import type { VerifyToken } from '../identity/token-verifier.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Lets only those through to `handler`; others are answered 401 or, with another role's token, 403. */
export function guardMetrics(handler: Handler, verifyToken: VerifyToken): Handler {
  return async (request, response) => {
    if (isLoopback((request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')))
      return await handler(request, response);
    const status = await refusalStatus(request.headers.authorization, verifyToken);
    if (status === undefined) return await handler(request, response);
    response.writeHead(status, {
      'content-type': 'text/plain',
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    });
    return response.end('metrics need the token of an operator or of the monitor\n');
  };
}

async function refusalStatus(authorization: string | undefined, verifyToken: VerifyToken): Promise<number | undefined> {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) return 401;
  try {
    const { kind } = await verifyToken(token);
    return kind === 'operator' || kind === 'monitor' ? undefined : 403;
  } catch {
    return 401;
  }
}
