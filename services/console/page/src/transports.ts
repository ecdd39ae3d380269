// How the page calls: everything goes to the console, which adds the credentials.
import type { Interceptor, Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';

/** For RPCs of one service, which the console finds by their names. */
export const transport: Transport = createConnectTransport({ baseUrl: window.location.origin });

const perService = new Map<string, Transport>();

/** For the RPCs that every service has: the header says which one is meant. */
export function transportTo(service: string): Transport {
  const known = perService.get(service);
  if (known !== undefined) return known;
  const name: Interceptor = (next) => (request) => {
    request.header.set('console-target', service);
    return next(request);
  };
  const made = createConnectTransport({ baseUrl: window.location.origin, interceptors: [name] });
  perService.set(service, made);
  return made;
}
