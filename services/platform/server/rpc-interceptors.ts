// What happens around every RPC served: a span that continues the caller's trace, RED metrics, a log line, mapped errors.
import { Code, ConnectError, type Interceptor, type StreamResponse, type UnaryResponse } from '@connectrpc/connect';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { codeName, servedRpcSpan, withStatus } from '../observability/rpc-spans.ts';
import { keepContext, runInSpan } from '../observability/tracing.ts';
import { type CallLimits, createLoadShedding, DEFAULT_LIMITS } from './load-shedding.ts';
import { toConnectError } from './rpc-errors.ts';

/** Codes that say the service itself is in trouble; the others are the caller's business. */
const ALARMING = new Set([Code.Internal, Code.Unknown, Code.DataLoss, Code.Unimplemented]);

/** The interceptors of a service's RPC server, outermost first: what is refused for want of room is observed too. */
export function createServerInterceptors(options: {
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly limits?: CallLimits | undefined;
}): Interceptor[] {
  const observe: Interceptor = (next) => (request) => {
    const rpc = `${request.service.typeName}/${request.method.name}`;
    const endTimer = options.metrics.rpcServed.startTimer({ rpc });
    const finish = (error?: ConnectError): void => {
      const code = error === undefined ? 'ok' : codeName(error.code);
      const seconds = endTimer({ code });
      logCall(options.log, rpc, code, seconds, error);
    };
    const headers = Object.fromEntries(['traceparent', 'tracestate'].flatMap((name) => pick(request.header, name)));
    const serve = async () => {
      try {
        const response = await next(request);
        if (response.stream) return observeStream(response, request.signal, finish);
        finish();
        return response;
      } catch (error) {
        const mapped = toOutcome(error, request.signal);
        finish(mapped);
        throw mapped;
      }
    };
    return runInSpan(servedRpcSpan(request.method, headers), () => withStatus(serve));
  };
  return [observe, createLoadShedding({ ...options, limits: options.limits ?? DEFAULT_LIMITS })];
}

function observeStream(
  response: StreamResponse,
  signal: AbortSignal,
  finish: (error?: ConnectError) => void,
): StreamResponse | UnaryResponse {
  const source = response.message;
  const observed = async function* () {
    let failure: ConnectError | undefined;
    try {
      yield* source;
    } catch (error) {
      failure = toOutcome(error, signal);
      throw failure;
    } finally {
      finish(failure);
    }
  };
  return { ...response, message: keepContext(observed()) };
}

// A caller resets its call with whatever code: Connect's own, when its time is over, with that of an internal error.
function toOutcome(error: unknown, signal: AbortSignal): ConnectError {
  const mapped = toConnectError(error);
  const isReset = signal.aborted && error === signal.reason && mapped.code === Code.Internal;
  return isReset
    ? new ConnectError('the caller has reset the call', Code.Canceled, undefined, undefined, error)
    : mapped;
}

function logCall(log: Logger, rpc: string, code: string, seconds: number, error: ConnectError | undefined): void {
  const fields = { rpc, code, ms: Math.round(seconds * 1_000) };
  if (error === undefined) log.debug(fields, 'served');
  else if (ALARMING.has(error.code))
    log.error({ ...fields, err: error.cause ?? error }, 'served with an error of our own');
  else if (error.code === Code.ResourceExhausted)
    log.debug(fields, 'shed'); // load-shedding.ts tells of it, now and then.
  else if (error.code === Code.Unavailable) log.warn({ ...fields, err: error.cause ?? error }, 'could not serve now');
  else log.info({ ...fields, reason: error.rawMessage }, 'refused');
}

function pick(headers: Headers, name: string): [string, string][] {
  const value = headers.get(name);
  return value === null ? [] : [[name, value]];
}
