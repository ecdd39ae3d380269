// The route table: a handler for each request path, and the services for reflection, as `routes` registers them.

import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, createConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import type { ResolvedOptions } from './options.ts';
import { mapParseErrors, watchParsing } from './parse-errors.ts';
import type { Shutdown } from './shutdown.ts';

type CallOptions = Parameters<ConnectRouter['rpc']>[2];
// The compiler checks the types of an implementation where it is registered; from there on it is only passed along.
type Implementation = (...args: never[]) => unknown;
type Register = (method: DescMethod, implementation: Implementation, options: CallOptions) => void;

/** An RPC and its handler. */
export type Route = {
  readonly method: DescMethod;
  /** Created at first use: most servers in tests are called by one or two of their RPCs. */
  readonly handler: UniversalHandler;
};

/** The registered RPCs, and the routers to register them with. */
export type RouteTable = {
  /** For the caller's services: runs the interceptors of the options. */
  readonly router: ConnectRouter;
  /** For the server's own services, which are not intercepted. */
  readonly ownRouter: ConnectRouter;
  /** Returns the RPC of a request path such as `/grpc.health.v1.Health/Check`. */
  find(path: string): Route | undefined;
  /** Every service of which at least one RPC is registered, in order of registration. */
  services(): DescService[];
};

/** Returns an empty table whose routers make every call obey the limits of `options` and `shutdown`. */
export function createRouteTable(options: ResolvedOptions, shutdown: Shutdown): RouteTable {
  const connectRouter = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: options.maxRequestBytes,
    maxTimeoutMs: options.maxTimeoutMs,
    ...(options.jsonOptions && { jsonOptions: options.jsonOptions }),
  });
  const routes = new Map<string, Route>();
  const services = new Map<string, DescService>();

  function register(method: DescMethod, implementation: Implementation, callOptions: CallOptions): void {
    const path = `/${method.parent.typeName}/${method.name}`;
    if (routes.has(path)) throw new Error(`routes: ${path} is registered twice`);
    if (path in options.httpRoutes) throw new Error(`httpRoutes: ${path} is the path of an RPC`);
    let made: UniversalHandler | undefined;
    routes.set(path, {
      method,
      get handler() {
        made ??= createHandler(method, implementation, callOptions);
        return made;
      },
    });
    services.set(method.parent.typeName, method.parent);
  }

  function createHandler(method: DescMethod, implementation: Implementation, callOptions: CallOptions) {
    connectRouter.rpc(method, implementation as never, {
      ...callOptions,
      shutdownSignal: shutdown.signalFor(method),
      interceptors: [mapParseErrors, ...(callOptions?.interceptors ?? []), shutdown.interceptor],
      requestGate: (context) => {
        watchParsing(context);
        return callOptions?.requestGate?.(context);
      },
    });
    const handler = connectRouter.handlers.at(-1);
    if (!handler) throw new Error(`the router refused ${method.parent.typeName}/${method.name}`);
    return handler;
  }

  return {
    router: createRecordingRouter(connectRouter.handlers, register, { interceptors: [...options.interceptors] }),
    ownRouter: createRecordingRouter(connectRouter.handlers, register, {}),
    find: (path) => routes.get(path),
    services: () => [...services.values()],
  };
}

// Registers the RPCs of a service one by one, because the signal that ends a call depends on the kind of its RPC.
function createRecordingRouter(
  handlers: UniversalHandler[],
  register: Register,
  defaults: NonNullable<CallOptions>,
): ConnectRouter {
  const router: ConnectRouter = {
    handlers,
    service(service, implementation, options) {
      const methods = implementation as Record<string, Implementation | undefined>;
      for (const method of service.methods) {
        const call = methods[method.localName];
        register(method, call?.bind(implementation) ?? answerUnimplemented(method), { ...defaults, ...options });
      }
      return router;
    },
    rpc(method, implementation, options) {
      register(method, implementation as Implementation, { ...defaults, ...options });
      return router;
    },
  };
  return router;
}

function answerUnimplemented(method: DescMethod): Implementation {
  return () => {
    throw new ConnectError(`${method.parent.typeName}/${method.name} is not implemented`, Code.Unimplemented);
  };
}
