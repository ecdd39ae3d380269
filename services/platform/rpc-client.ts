// Clients of neighbour services. Every generated client behaves the same: a deadline on the wire that never exceeds what is left
// of the caller's time, a circuit breaker around the call, the trace handed on, and failures told as DependencyError.
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { type BreakerView, createBreaker, type Judge, type Verdict } from './breaker.ts';
import { DependencyError, toDependencyError } from './dependency-error.ts';
import { surviveBrokenSessions } from './http2-sessions.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { injectTrace } from './tracing.ts';

/** How calls to one dependency behave; all times in milliseconds. */
export type DependencyPolicy = {
  /** The dependency's name in logs, metrics and GetStatus. */
  readonly name: string;
  /** The longest a call may take, whatever the caller's time. */
  readonly timeoutMs: number;
  /** With less than this left, a call is not made and not counted. */
  readonly minimumMs: number;
  /** Consecutive failures that open the breaker. */
  readonly breakerFailures: number;
  /** From opening the breaker to its probe. */
  readonly breakerResetMs: number;
};

export type Dependency = {
  readonly name: string;
  /** A client of one of the dependency's services. `timeoutMs` of its call options is what is left of the caller's time. */
  client<Service extends DescService>(service: Service): Client<Service>;
  /** The same for work nobody waits for: respects an open breaker and may be its probe, but its failures open none. */
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
  const { policy, metrics, log } = options;
  surviveBrokenSessions();
  const sessionManager = new Http2SessionManager(options.url, { pingIntervalMs: 10_000, pingTimeoutMs: 2_000 });
  const transport = createConnectTransport({
    baseUrl: options.url,
    httpVersion: '2',
    useBinaryFormat: true,
    sessionManager,
    interceptors: [handTraceOn],
  });
  const breaker = createBreaker({
    dependency: policy.name,
    failures: policy.breakerFailures,
    resetMs: policy.breakerResetMs,
    onChange: (view) => {
      metrics.breakerState.set({ dependency: policy.name }, { closed: 0, half_open: 1, open: 2 }[view.state]);
      log.warn({ dependency: policy.name, state: view.state, reason: view.reason }, 'circuit breaker changed');
    },
  });
  metrics.breakerState.set({ dependency: policy.name }, 0);

  const call = async <T>(
    judge: Judge,
    method: DescMethod,
    signal: AbortSignal | undefined,
    timeoutMs: number,
    send: () => Promise<T>,
  ): Promise<T> => {
    const endTimer = metrics.rpcCalled.startTimer({
      dependency: policy.name,
      rpc: `${method.parent.name}/${method.name}`,
    });
    try {
      // Nothing left is too little for every call; the transport would take it for no limit at all.
      if (timeoutMs < Math.max(1, policy.minimumMs)) throw new DependencyError(policy.name, 'not_called');
      const result = await breaker.run(async () => {
        try {
          return await send();
        } catch (error) {
          throw toDependencyError(policy.name, error, signal?.aborted ?? false);
        }
      }, judge);
      endTimer({ code: 'ok' });
      return result;
    } catch (error) {
      const failure = toDependencyError(policy.name, error, signal?.aborted ?? false);
      endTimer({ code: failure.failure });
      throw failure;
    }
  };

  const guard = (judge: Judge): Transport => ({
    unary: (method, signal, timeoutMs, header, input, contextValues) => {
      const limitMs = Math.floor(Math.min(policy.timeoutMs, timeoutMs ?? policy.timeoutMs));
      return call(judge, method, signal, limitMs, () =>
        transport.unary(method, signal, limitMs, header, input, contextValues),
      );
    },
    // A stream may last as long as its caller wants; only its beginning is judged.
    stream: (method, signal, timeoutMs, header, input, contextValues) =>
      call(judge, method, signal, timeoutMs ?? policy.timeoutMs, () =>
        transport.stream(method, signal, timeoutMs, header, input, contextValues),
      ),
  });
  const foreground = guard(judgeCall);
  const background = guard(judgeBackgroundCall);

  return {
    name: policy.name,
    client: (service) => createClient(service, foreground),
    backgroundClient: (service) => createClient(service, background),
    breaker: breaker.view,
    stop: async () => sessionManager.abort(),
  };
}

/** What the breaker learns from a failed call. */
export function judgeCall(error: unknown): Verdict {
  if (!(error instanceof DependencyError)) return 'failure';
  switch (error.failure) {
    case 'refused':
      return 'healthy';
    case 'cancelled':
    case 'not_called':
    case 'overloaded':
    case 'circuit_open':
      return 'unknown';
    default:
      return 'failure';
  }
}

/** What the breaker learns from a failed call that nobody waited for: nothing, unless it was well enough to refuse. */
export function judgeBackgroundCall(error: unknown): Verdict {
  return judgeCall(error) === 'healthy' ? 'healthy' : 'unknown';
}

const handTraceOn: Interceptor = (next) => (request) => {
  for (const [name, value] of Object.entries(injectTrace())) request.header.set(name, value);
  return next(request);
};
