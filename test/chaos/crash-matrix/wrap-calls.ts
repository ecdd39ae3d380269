// Wraps calls out: RPCs of neighbours and HTTP requests. After a call is when its answer has arrived and nobody has seen it yet.
import http from 'node:http';
import { Http2SessionManager } from '@connectrpc/connect-node';
import { shortName } from './labels.ts';
import type { Trigger } from './trigger.ts';

/** Wraps every RPC over HTTP/2. Calls that get lost fail as those to a port where nobody listens. */
export function wrapRpcCalls(trigger: Trigger): void {
  const { request } = Http2SessionManager.prototype;
  Http2SessionManager.prototype.request = async function (method, path, ...rest) {
    const rpc = path.slice(1);
    const operation = trigger.operation('call', shortName(rpc));
    trigger.before(operation);
    if (trigger.isDropped(rpc)) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const stream = await request.call(this, method, path, ...rest);
    stream.once('response', () => trigger.after(operation, true));
    return stream;
  };
}

/** Wraps every plain HTTP request made with options and a URL. */
export function wrapHttpCalls(trigger: Trigger): void {
  const { request } = http;
  const wrapped = (url: URL, options: http.RequestOptions, onResponse: (response: http.IncomingMessage) => void) => {
    const operation = trigger.operation('call', `${options.method} ${url.pathname}`);
    trigger.before(operation);
    return request(url, options, (response) => {
      trigger.after(operation, true);
      onResponse(response);
    });
  };
  Object.assign(http, { request: wrapped });
}
