// The control port of a virtual service: another process changes its stubs, states and faults, and reads its journal, by RPC.

import { createRpcServer } from '@touchstone/rpc-server';
import { corsOf } from '../base/browser-access.ts';
import { SERVER_LIMITS } from '../base/server-limits.ts';
import { type ServerTls, serverTlsOf } from '../base/server-tls.ts';
import { routeFaultProxies } from '../fault-proxy/control/fault-control.ts';
import type { VirtualService } from '../virtual/virtual-service.ts';
import { routeStubControl } from './stub-control.ts';

/** The virtual service of a control port, and the address it listens on. */
export type ControlOptions = ServerTls & {
  readonly service: VirtualService;
  /** Address to listen on. Default `127.0.0.1`. Every caller that reaches it controls the service. */
  readonly host?: string;
  /** Port to listen on. Default 0: any free port. */
  readonly port?: number;
};

/** An open control port. Disposing of it closes it. */
export type Control = AsyncDisposable & {
  /** Its URL, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect, with reflection. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Closes the control port. The virtual service is not affected. */
  stop(): Promise<void>;
};

/** The name of the virtual service among the proxies of FaultProxyService. */
const PROXY_NAME = 'virtual';

/**
 * Opens a port that serves touchstone.kit.v1.StubControlService, and touchstone.kit.v1.FaultProxyService for the faults.
 *
 * @throws {TypeError} A certificate or a key cannot be used: names the option and the reason.
 * @throws {Error} naming host and port if the address is not available.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { service, host = '127.0.0.1', port = 0 } = options;
  const server = createRpcServer({
    ...SERVER_LIMITS,
    ...corsOf({}),
    ...serverTlsOf(options),
    routes: (router) => {
      routeStubControl(router, service);
      routeFaultProxies(router, { [PROXY_NAME]: service });
    },
    host,
    port,
  });
  const address = await server.listen();
  const stop = () => server.stop({ graceMs: 0 });
  return { url: address.url, host: address.host, port: address.port, stop, [Symbol.asyncDispose]: stop };
}
