// Load shedding: limits the calls in flight to as many as do not slow each other down, queues bursts in front of them, and rejects
// calls beyond the queue at once. Without it, too many callers make every call slow and fill the memory. A rejected call was never begun,
// so retrying it is safe.
import { createContextKey, type HandlerContext, type Interceptor } from '@connectrpc/connect';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import { BulkheadRejectedError, createBulkhead } from '../base/bulkhead.ts';
import { DEFAULT_RETRY_AFTER_MS, DomainError } from '../base/errors.ts';
import { createRateLimit } from '../base/rate-limit.ts';
import { measureServiceTime } from '../base/service-time.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';
import { createOverloadDetector } from './overload-detector.ts';

const LOG_PERIOD_MS = 10_000;
/** The queue time under overload: about as long as it takes until the next slot becomes free. */
const OVERLOAD_QUEUE_MS = 5;

export type CallLimits = {
  /** Calls in flight at once, at most; fewer are admitted while they slow each other down. */
  readonly maxCalls: number;
  /** How many more calls may be queued, and for how long in milliseconds during a burst; under a lasting overload hardly at all. */
  readonly maxQueuedCalls: number;
  readonly maxQueueMs: number;
  /** Open streams; they last, so they have a limit of their own and are not queued. */
  readonly maxStreams: number;
  /** Calls of OpsService in a second, twice as many at once. */
  readonly opsCallsPerSecond: number;
};

/** The limits of a service without settings for them. */
export const DEFAULT_LIMITS: CallLimits = {
  maxCalls: 32,
  maxQueuedCalls: 200,
  maxQueueMs: 2_000,
  maxStreams: 1_000,
  opsCallsPerSecond: 50,
};

const QUEUE_WAIT_MS = createContextKey(0, { description: 'milliseconds that a call was queued' });

/** How long a call was queued, in milliseconds; part of the time its caller waits. */
export function queueWaitMs({ values }: Pick<HandlerContext, 'values'>): number {
  return values.get(QUEUE_WAIT_MS);
}

export type LoadSheddingOptions = { readonly limits: CallLimits; readonly metrics: Metrics; readonly log: Logger };

/** What a call had no room in, as metrics name it. */
type Limit = 'calls' | 'streams' | 'ops';

/** The part of a call that is known before its body is read. */
type AnnouncedCall = Pick<HandlerContext, 'service' | 'method'>;

export type LoadShedding = {
  /**
   * Admits calls. A call without a slot is rejected as `resource_exhausted` OVERLOADED; a queued call whose deadline passes or whose caller
   * gives up is not begun. Operators' calls need no slot: `refusalOf` limits their rate.
   */
  readonly interceptor: Interceptor;
  /** Returns the error of a call for which there is no room, before its body is read; undefined when it may get a slot. */
  refusalOf(call: AnnouncedCall): DomainError | undefined;
};

/** Creates the load shedding of a service. */
export function createLoadShedding({ limits, metrics, log }: LoadSheddingOptions): LoadShedding {
  const calls = createAdmissionControl(limits);
  const streams = createBulkhead({ maxConcurrent: limits.maxStreams, maxQueued: 0 });
  metrics.observeBulkhead('calls', calls.view);
  metrics.observeBulkhead('streams', streams.view);
  const takeOpsCall = createRateLimit({
    perSecond: limits.opsCallsPerSecond,
    burst: 2 * limits.opsCallsPerSecond,
  });
  const logRejection = createThrottledLogger(log);

  const reject = (bulkhead: Limit, cause?: BulkheadRejectedError): DomainError => {
    metrics.bulkheadRejected.inc({ bulkhead });
    logRejection(bulkhead);
    return overloaded(cause);
  };
  const orReject = async <T>(bulkhead: Limit, admission: Promise<T>): Promise<T> => {
    try {
      return await admission;
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw reject(bulkhead, error);
    }
  };

  const findFullForOps = (): Limit | undefined => (takeOpsCall() ? undefined : 'ops');
  const findFullFor = ({ methodKind }: AnnouncedCall['method']): Limit | undefined => {
    if (methodKind === 'unary') return calls.isFull() ? 'calls' : undefined;
    const { inFlight, limit } = streams.view();
    return inFlight >= limit ? 'streams' : undefined;
  };

  const refusalOf = ({ service, method }: AnnouncedCall): DomainError | undefined => {
    const full = service.typeName === OpsService.typeName ? findFullForOps() : findFullFor(method);
    if (full === undefined) return undefined;
    // The interceptors, which measure all other calls, do not see this one.
    const labels = { rpc_system_name: 'connectrpc', rpc_method: `${service.typeName}/${method.name}` };
    metrics.rpcServerDuration.startTimer(labels)({ rpc_status_code: 'resource_exhausted' });
    return reject(full);
  };

  const interceptor: Interceptor = (next) => async (request) => {
    const { signal } = request;
    if (request.service.typeName === OpsService.typeName) return await next(request);
    if (request.stream) {
      const release = await orReject('streams', streams.acquire(0, signal));
      // The signal aborts when the stream ends, also when its messages are never read.
      signal.addEventListener('abort', release, { once: true });
      return await next(request);
    }
    const startMs = performance.now();
    const slot = await orReject('calls', calls.acquire(signal));
    request.contextValues.set(QUEUE_WAIT_MS, performance.now() - startMs);
    return await slot.run(request.method.name, () => next(request));
  };
  return { interceptor, refusalOf };
}

type Slot = {
  /** Runs a call of this method and releases the slot. */
  run<T>(method: string, call: () => Promise<T>): Promise<T>;
};

/** Admits calls to the service's own work; the limit and the queue time adapt to how calls fare. */
function createAdmissionControl({ maxCalls, maxQueuedCalls, maxQueueMs }: CallLimits) {
  const limit = createConcurrencyLimit(maxCalls);
  // A service whose bursts may be queued for long takes as much longer to detect an overload.
  const overload = createOverloadDetector(maxQueueMs);
  const bulkhead = createBulkhead({
    maxConcurrent: limit.current,
    maxQueued: maxQueuedCalls,
    // In turn, each of a few callers that wait for their answers is served. In an overload, none would be served in time.
    order: () => (overload.isOverloadedNow() ? 'lifo' : 'fifo'),
  });
  const { view } = bulkhead;
  const updateSaturation = (): void => overload.setSaturated(view().inFlight >= limit.current());

  // While more calls arrive than complete and the queue is full, the oldest queued call is rejected: its caller is the most likely to
  // have given up. Under a lasting overload only as many calls are queued as will get the next slots.
  const queueMsForNext = (): number => {
    overload.onArrival();
    const isOverloaded = overload.isOverloaded();
    const maxQueued = isOverloaded ? limit.current() : Math.max(1, maxQueuedCalls);
    while (overload.isOverloadedNow() && view().queued >= maxQueued) bulkhead.rejectOldest();
    return isOverloaded ? Math.min(OVERLOAD_QUEUE_MS, maxQueueMs) : maxQueueMs;
  };

  const acquire = async (signal: AbortSignal): Promise<Slot> => {
    const release = await bulkhead.acquire(queueMsForNext(), signal);
    updateSaturation();
    const inFlightAtStart = view().inFlight;
    return {
      run: async (method, call) => {
        try {
          return await measureServiceTime(call, (spent, hasFailed) =>
            limit.onSample({
              ...spent,
              method,
              hasFailed,
              inFlight: Math.max(inFlightAtStart, view().inFlight),
              isSaturated: overload.isOverloadedNow(),
            }),
          );
        } finally {
          release();
          overload.onCompletion();
          updateSaturation();
        }
      },
    };
  };

  // Counts the call as an arrival when it is full. Under overload the newest call takes the place of the oldest, so it is not.
  const isFull = (): boolean => {
    const { inFlight, queued } = view();
    const hasRoom = inFlight < limit.current() || queued < maxQueuedCalls || overload.isOverloadedNow();
    if (!hasRoom) overload.onArrival();
    return !hasRoom;
  };
  return { acquire, isFull, view };
}

// Under overload, a log line for each rejected call would itself be a load.
function createThrottledLogger(log: Logger): (bulkhead: string) => void {
  let rejected = 0;
  let loggedMs = -Infinity;
  return (bulkhead) => {
    rejected += 1;
    if (performance.now() - loggedMs < LOG_PERIOD_MS) return;
    log.warn({ bulkhead, rejected }, 'too many calls: shedding load');
    rejected = 0;
    loggedMs = performance.now();
  };
}

/** The error of a call without a slot. Its delay is random, so that callers rejected together do not retry together. */
export function overloaded(cause?: BulkheadRejectedError): DomainError {
  return new DomainError({
    kind: 'resource_exhausted',
    reason: 'OVERLOADED',
    message: 'too many calls at once: try again later',
    retryAfterMs: Math.round(DEFAULT_RETRY_AFTER_MS * (0.5 + Math.random())),
    cause,
  });
}
