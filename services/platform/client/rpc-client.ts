// Clients of other services. Every generated client behaves the same, under the policy of call-policy.ts: its deadline on the wire never
// exceeds what is left of the caller's time, it propagates the trace, and the contract says which methods are idempotent.
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import type { TlsFiles } from '../identity/tls-files.ts';
import type { OwnToken } from '../identity/token-file.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { clientSpan, recordStatus } from '../observability/rpc-spans.ts';
import { injectTraceInto, runInSpan } from '../observability/tracing.ts';
import { createBalancedTransport } from './balanced-transport.ts';
import type { BreakerView } from './breaker.ts';
import { createCallPolicy, type DependencyPolicy } from './call-policy.ts';
import { toDependencyError } from './dependency-error.ts';
import { createReplicaAddresses } from './replica-addresses.ts';
import { createReplicaChoice } from './replica-choice.ts';
import { createReplicaConnections } from './replica-connections.ts';

export type Dependency = {
  readonly name: string;
  /** Creates a client of one of the dependency's services. The call option `timeoutMs` is what is left of the caller's time. */
  client<Service extends DescService>(service: Service): Client<Service>;
  /**
   * The same for background work: it respects an open breaker and may be its probe, but its failures are not counted. A failed call is
   * not retried, because the worker runs again anyway.
   */
  backgroundClient<Service extends DescService>(service: Service): Client<Service>;
  breaker(): BreakerView;
  /** Closes the connections. */
  stop(): Promise<void>;
};

export type DependencyOptions = {
  /** Like `http://127.0.0.1:50052`; those of several replicas are separated by commas, and a name stands for all its addresses. */
  readonly url: string;
  readonly policy: DependencyPolicy;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The token that the service shows; none by default. */
  readonly ownToken?: OwnToken;
  /** The service's certificate and the authorities it trusts, for an `https` url. */
  readonly tls?: TlsFiles | undefined;
};

/** Creates the connections to one dependency, one for each replica; they are opened by the first calls. */
export function createDependency(options: DependencyOptions): Dependency {
  const { policy, url, ownToken, tls, log } = options;
  const toError = (thrown: unknown, isCancelled: boolean) =>
    toDependencyError(policy.name, thrown, isCancelled, policy.healthyReasons);
  const interceptors = ownToken === undefined ? [propagateTrace] : [propagateTrace, showToken(ownToken)];
  const connections = createReplicaConnections(interceptors, tls?.current());
  tls?.onRenewal(connections.renew);
  const transport = createBalancedTransport({
    dependency: policy.name,
    addresses: createReplicaAddresses(url),
    choice: createReplicaChoice(),
    connections,
    toError,
    log,
  });
  const callPolicy = createCallPolicy({ ...options, toFailure: toError });

  const underPolicy = (background: boolean): Transport => ({
    unary: (method, signal, timeoutMs, header, input, contextValues) =>
      callPolicy.call({
        operation: operationOf(method),
        timeoutMs,
        signal,
        idempotent: isIdempotent(method) && !background,
        counted: !background,
        send: (attemptMs) => transport.unary(method, signal, attemptMs, header, input, contextValues),
      }),
    // Only the start of a stream is under the policy: it may last as long as its caller wants, and what it yielded cannot be undone.
    stream: (method, signal, timeoutMs, header, input, contextValues) =>
      callPolicy.call({
        operation: operationOf(method),
        timeoutMs,
        signal,
        idempotent: false,
        counted: !background,
        send: () => transport.stream(method, signal, timeoutMs, header, input, contextValues),
      }),
  });
  const foreground = underPolicy(false);
  const background = underPolicy(true);

  return {
    name: policy.name,
    client: (service) => createClient(service, foreground),
    backgroundClient: (service) => createClient(service, background),
    breaker: callPolicy.breaker,
    stop: async () => connections.close(),
  };
}

/** Whether the contract declares a method idempotent. */
export function isIdempotent({ idempotency }: Pick<DescMethod, 'idempotency'>): boolean {
  return idempotency === Idempotency.NO_SIDE_EFFECTS || idempotency === Idempotency.IDEMPOTENT;
}

function operationOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

function showToken(ownToken: OwnToken): Interceptor {
  return (next) => async (request) => {
    const token = await ownToken();
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
    return await next(request);
  };
}

/** Propagates the trace with a call, in a span of its own. */
export const propagateTrace: Interceptor = (next) => (request) =>
  runInSpan(clientSpan(request.method, request.url), () => {
    injectTraceInto(request.header);
    return recordStatus(() => next(request));
  });
