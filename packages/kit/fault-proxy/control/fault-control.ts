// The control port: an RPC service with which another process, or grpcurl, switches the faults of running proxies.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from '@connectrpc/connect';
import { createRpcServer } from '@touchstone/rpc-server';
import { corsOf } from '../../base/browser-access.ts';
import { type ServerTls, serverTlsOf } from '../../base/server-tls.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import type { FaultState } from '../injected-fault.ts';
import { withoutCredentials } from '../upstream-address.ts';
import { faultOf, optionsOf } from './fault-from-proto.ts';
import { FaultProxyService, type InjectedFaultSchema } from './gen/touchstone/kit/v1/fault_proxy_service_pb.ts';

/** The proxies of a control port, and the address it listens on. */
export type FaultControlOptions = ServerTls & {
  /** The proxies by name. */
  readonly proxies: Readonly<Record<string, FaultProxy>>;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on. Default 0: any free port. */
  readonly port?: number;
};

/** An open control port. Disposing of it closes it. */
export type FaultControl = AsyncDisposable & {
  /** Its URL, such as `http://127.0.0.1:40123`. It speaks gRPC, gRPC-Web and Connect, with reflection. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Closes the control port. The proxies and their faults are not affected. */
  stop(): Promise<void>;
};

/**
 * Opens a port that serves touchstone.kit.v1.FaultProxyService.
 *
 * @throws {TypeError} A certificate or a key cannot be used: names the option and the reason.
 * @throws {Error} naming host and port if the address is not available.
 */
export async function startFaultControl(options: FaultControlOptions): Promise<FaultControl> {
  const server = createRpcServer({
    ...corsOf({}),
    ...serverTlsOf(options),
    routes: (router) => routeFaultProxies(router, options.proxies),
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
  });
  const { url, host, port } = await server.listen();
  const stop = () => server.stop({ graceMs: 0 });
  return { url, host, port, stop, [Symbol.asyncDispose]: stop };
}

/** Registers touchstone.kit.v1.FaultProxyService for these proxies. */
export function routeFaultProxies(router: ConnectRouter, proxies: Readonly<Record<string, ControlledProxy>>): void {
  router.service(FaultProxyService, implement(new Map(Object.entries(proxies))));
}

/** A fault proxy, as the control port uses it. */
type ControlledProxy = Pick<FaultProxy, 'url' | 'connections' | 'faults' | 'inject'>;

function implement(proxies: ReadonlyMap<string, ControlledProxy>): ServiceImpl<typeof FaultProxyService> {
  return {
    listProxies: () => ({
      proxies: [...proxies].map(([name, proxy]) => ({
        name,
        url: withoutCredentials(proxy.url),
        connections: proxy.connections,
        faults: proxy.faults().map(toProto),
      })),
    }),
    injectFault(request) {
      const proxy = find(proxies, request.proxy);
      try {
        return { fault: toProto(proxy.inject(faultOf(request.fault), optionsOf(request))) };
      } catch (error) {
        throw error instanceof TypeError ? toInvalidArgument(error) : error;
      }
    },
    removeFault(request) {
      const handle = find(proxies, request.proxy)
        .faults()
        .find(({ id }) => id === request.faultId);
      if (handle === undefined) {
        throw new ConnectError(`fault_id: proxy "${request.proxy}" has no fault "${request.faultId}"`, Code.NotFound);
      }
      handle.remove();
      return { fault: toProto(handle) };
    },
    heal(request) {
      const healed = request.proxy === '' ? [...proxies.values()] : [find(proxies, request.proxy)];
      const handles = healed.flatMap((proxy) => proxy.faults());
      for (const handle of handles) handle.remove();
      return { faults: handles.map(toProto) };
    },
  };
}

function find(proxies: ReadonlyMap<string, ControlledProxy>, name: string): ControlledProxy {
  const [only, ...others] = proxies.values();
  const proxy = name === '' && others.length === 0 ? only : proxies.get(name);
  if (proxy !== undefined) return proxy;
  throw new ConnectError(
    `proxy: no proxy is named "${name}"; the proxies are ${[...proxies.keys()].join(', ')}`,
    Code.NotFound,
  );
}

function toInvalidArgument(error: TypeError): ConnectError {
  return new ConnectError(error.message, Code.InvalidArgument, undefined, undefined, error);
}

function toProto({ id, name, rpc = '', hits, seen }: FaultState): MessageInitShape<typeof InjectedFaultSchema> {
  return { id, name, rpc, hits, seen };
}
