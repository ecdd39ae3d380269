// Clients of neighbour services. Every generated client behaves the same, as call-guard.ts has it: a deadline on the wire that never
// exceeds what is left of the caller's time, the trace handed on, and what may be repeated read from the contract.
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { calledRpcSpan, withStatus } from '../observability/rpc-spans.ts';
import { injectTraceInto, runInSpan } from '../observability/tracing.ts';
import type { BreakerView } from './breaker.ts';
import { createCallPolicy, type DependencyPolicy } from './call-policy.ts';
import { toDependencyError } from './dependency-error.ts';
import { surviveBrokenSessions } from './http2-sessions.ts';

export type Dependency = {
  readonly name: string;
  /** A client of one of the dependency's services. `timeoutMs` of its call options is what is left of the caller's time. */
  client<Service extends DescService>(service: Service): Client<Service>;
  /**
   * The same for work nobody waits for: respects an open breaker and may be its probe, but its failures open none, and what failed
   * is not repeated, because its worker comes back anyway.
   */
  backgroundClient<Service extends DescService>(service: Service): Client<Service>;
  breaker(): BreakerView;
  /** Closes the connection. */
  stop(): Promise<void>;
};

export type DependencyOptions = {
  /** Like `http://127.0.0.1:50052`. */
  readonly url: string;
  readonly policy: DependencyPolicy;
  readonly metrics: Metrics;
  readonly log: Logger;
};

/** Makes the way to one dependency; connects at the first call. */
export function createDependency(options: DependencyOptions): Dependency {
  const { policy } = options;
  surviveBrokenSessions();
  const sessionManager = new Http2SessionManager(options.url, { pingIntervalMs: 10_000, pingTimeoutMs: 2_000 });
  const transport = createConnectTransport({
    baseUrl: options.url,
    httpVersion: '2',
    useBinaryFormat: true,
    sessionManager,
    interceptors: [propagateTrace],
  });
  const guard = createCallPolicy({
    ...options,
    toFailure: (thrown, cancelled) => toDependencyError(policy.name, thrown, cancelled),
  });

  const guarded = (background: boolean): Transport => ({
    unary: (method, signal, timeoutMs, header, input, contextValues) =>
      guard.call({
        operation: operationOf(method),
        timeoutMs,
        signal,
        repeatable: isIdempotent(method) && !background,
        counted: !background,
        send: (tryMs) => transport.unary(method, signal, tryMs, header, input, contextValues),
      }),
    // A stream may last as long as its caller wants, and what it gave cannot be taken back: only its beginning is guarded.
    stream: (method, signal, timeoutMs, header, input, contextValues) =>
      guard.call({
        operation: operationOf(method),
        timeoutMs,
        signal,
        repeatable: false,
        counted: !background,
        send: () => transport.stream(method, signal, timeoutMs, header, input, contextValues),
      }),
  });
  const foreground = guarded(false);
  const background = guarded(true);

  return {
    name: policy.name,
    client: (service) => createClient(service, foreground),
    backgroundClient: (service) => createClient(service, background),
    breaker: guard.breaker,
    stop: async () => sessionManager.abort(),
  };
}

/** Whether the contract says that calling a method twice does no harm. */
export function isIdempotent({ idempotency }: Pick<DescMethod, 'idempotency'>): boolean {
  return idempotency === Idempotency.NO_SIDE_EFFECTS || idempotency === Idempotency.IDEMPOTENT;
}

function operationOf(method: DescMethod): string {
  return `${method.parent.name}/${method.name}`;
}

/** Hands the trace on with a call, which is a span of it. */
export const propagateTrace: Interceptor = (next) => (request) =>
  runInSpan(calledRpcSpan(request.method), () => {
    injectTraceInto(request.header);
    return withStatus(() => next(request));
  });
