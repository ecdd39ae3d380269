// The route table: a handler for each request path, and the services for reflection, as `routes` registers them.

import type { DescMethod, DescMethodUnary, DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, createConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { compressions } from './compression.ts';
import { limitStreams } from './introspection/introspection-limit.ts';
import { createLimitErrors } from './limits/limit-error.ts';
import type { ResolvedOptions } from './options.ts';
import { mapParseErrors, rejectMalformedQuery, watchParsing } from './parse-errors.ts';
import type { Shutdown } from './shutdown.ts';
import { limitStreamAge } from './stream-age.ts';
import { createUnaryHandler, type UnaryHandler } from './unary-handler.ts';

// Connect passes a text decoder on, though the type does not list it. Without this one, keys that differ only in their malformed
// bytes would be the same key, with U+FFFD in their place.
const STRICT_UTF8: object = { textDecoder: new TextDecoder('utf-8', { fatal: true }) };

/** The largest message of the server's own services; names are all they are sent. */
const OWN_MAX_BYTES = 64 * 1024;

type CallOptions = Parameters<ConnectRouter['rpc']>[2];
// The compiler checks the types of an implementation where it is registered; from there on it is only passed along.
type Implementation = (...args: never[]) => unknown;
type Register = (
  method: DescMethod,
  implementation: Implementation,
  options: CallOptions,
  /** Whether they say more than those of the server. */
  hasOwnOptions: boolean,
) => void;

/** An RPC and its handler. */
export type Route = {
  readonly method: DescMethod;
  /** Created at first use: most servers in tests are called by one or two of their RPCs. */
  readonly handler: UniversalHandler;
  /** The handler of plain unary calls; none for an RPC with options of its own. */
  readonly unaryHandler: UnaryHandler | undefined;
};

/** The limits of one of the server's own services. */
type OwnLimits = {
  readonly maxStreams: number;
  /** Default: that of the options. */
  readonly maxStreamAgeMs?: number;
};

/** The registered RPCs, and the routers to register them with. */
export type RouteTable = {
  /** For the caller's services: runs the interceptors of the options. */
  readonly router: ConnectRouter;
  /** Returns a router for a service of the server itself: not intercepted, with limits of its own. */
  ownRouterFor(limits: OwnLimits): ConnectRouter;
  /** Returns the RPC of a request path such as `/grpc.health.v1.Health/Check`. */
  find(path: string): Route | undefined;
  /** Every service of which at least one RPC is registered, in order of registration. */
  services(): DescService[];
};

/** Returns an empty table whose routers make every call obey the limits of `options` and `shutdown`. */
export function createRouteTable(options: ResolvedOptions, shutdown: Shutdown): RouteTable {
  const errors = createLimitErrors(options.errorDomain);
  const ageLimit = (maxAgeMs: number | undefined) =>
    maxAgeMs === undefined ? [] : [limitStreamAge(maxAgeMs, errors, options.onLimit)];
  const connectRouter = createConnectRouter({
    acceptCompression: [...compressions],
    readMaxBytes: options.maxRequestBytes,
    jsonOptions: { ...options.jsonOptions, ...STRICT_UTF8 },
  });
  const routes = new Map<string, Route>();
  const services = new Map<string, DescService>();

  function register(
    method: DescMethod,
    implementation: Implementation,
    callOptions: CallOptions,
    hasOwnOptions: boolean,
  ): void {
    const path = `/${method.parent.typeName}/${method.name}`;
    if (routes.has(path)) throw new Error(`routes: ${path} is registered twice`);
    if (path in options.httpRoutes) throw new Error(`httpRoutes: ${path} is the path of an RPC`);
    let made: UniversalHandler | undefined;
    let madeUnary: UnaryHandler | undefined;
    routes.set(path, {
      method,
      get handler() {
        made ??= createHandler(method, implementation, callOptions);
        return made;
      },
      get unaryHandler() {
        if (hasOwnOptions || method.methodKind !== 'unary') return undefined;
        madeUnary ??= createUnaryHandler({
          method: method as DescMethodUnary,
          implementation: implementation as never,
          interceptors: [...options.interceptors, shutdown.interceptor],
          requestGate: options.admit,
          shutdownSignal: shutdown.signalFor(method),
          options,
        });
        return madeUnary;
      },
    });
    services.set(method.parent.typeName, method.parent);
  }

  const registerOwn: Register = (method, implementation, callOptions) =>
    register(method, implementation, callOptions, true);

  function createHandler(method: DescMethod, implementation: Implementation, callOptions: CallOptions) {
    connectRouter.rpc(method, implementation as never, {
      ...callOptions,
      shutdownSignal: shutdown.signalFor(method),
      interceptors: [mapParseErrors, ...(callOptions?.interceptors ?? []), shutdown.interceptor],
      requestGate: (context) => {
        watchParsing(context);
        rejectMalformedQuery(context);
        return callOptions?.requestGate?.(context);
      },
    });
    const handler = connectRouter.handlers.at(-1);
    if (!handler) throw new Error(`the router refused ${method.parent.typeName}/${method.name}`);
    return handler;
  }

  return {
    router: createRecordingRouter(connectRouter.handlers, register, {
      interceptors: [...options.interceptors, ...ageLimit(options.maxStreamAgeMs)],
      requestGate: options.admit,
    }),
    ownRouterFor: ({ maxStreams, maxStreamAgeMs = options.maxStreamAgeMs }) =>
      createRecordingRouter(connectRouter.handlers, registerOwn, {
        interceptors: ageLimit(maxStreamAgeMs),
        readMaxBytes: Math.min(options.maxRequestBytes, OWN_MAX_BYTES),
        requestGate: limitStreams(maxStreams, errors, options.onLimit),
      }),
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
        register(
          method,
          call?.bind(implementation) ?? answerUnimplemented(method),
          { ...defaults, ...options },
          options !== undefined,
        );
      }
      return router;
    },
    rpc(method, implementation, options) {
      register(method, implementation as Implementation, { ...defaults, ...options }, options !== undefined);
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
