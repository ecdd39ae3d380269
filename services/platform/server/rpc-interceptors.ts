// The interceptors of every RPC served: a span that continues the caller's trace, duration metrics, a log line, mapped errors.
import { Code, ConnectError, type Interceptor, type StreamResponse, type UnaryResponse } from '@connectrpc/connect';
import type { Domain } from '../base/domain.ts';
import { callerName } from '../identity/caller.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { codeName, recordStatus, serverErrorType, serverSpan } from '../observability/rpc-spans.ts';
import { keepContext, runInSpan } from '../observability/tracing.ts';
import { callerOf } from './access-control.ts';
import { createAuditLog } from './audit-log.ts';
import { type CallLimits, createLoadShedding, DEFAULT_LIMITS, type LoadShedding } from './load-shedding.ts';
import { createRequestRules, type RequestCheck } from './request-rules.ts';
import { toConnectError } from './rpc-errors.ts';

/** Codes that indicate a bug or a fault of this service. */
const OWN_FAULTS = new Set([Code.Internal, Code.Unknown, Code.DataLoss, Code.Unimplemented]);

/** The interceptors of a service's RPC server, outermost first, so that calls refused by access control or load shedding are observed as well. */
export function createServerInterceptors(options: {
  readonly domain: Domain;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Decides who may call: see access-control.ts. */
  readonly accessControl: Interceptor;
  readonly limits?: CallLimits | undefined;
  /** Default: one with `limits`. */
  readonly loadShedding?: LoadShedding;
  /** What the service checks beside the rules of the contract. Default: nothing. */
  readonly checks?: readonly RequestCheck[];
  /** Whether requests are forwarded to services, which apply the rules of the contract themselves. Default false. */
  readonly isForwarding?: boolean;
}): Interceptor[] {
  const { domain, metrics, log, accessControl, limits = DEFAULT_LIMITS } = options;
  const { loadShedding = createLoadShedding({ metrics, log, limits }) } = options;
  const observe: Interceptor = (next) => (request) => {
    const method = `${request.service.typeName}/${request.method.name}`;
    const endTimer = metrics.rpcServerDuration.startTimer({ rpc_system_name: 'connectrpc', rpc_method: method });
    const finish = (error?: ConnectError): void => {
      const code = error === undefined ? 'ok' : codeName(error.code);
      const errorType = error && serverErrorType(error.code);
      const labels = { rpc_status_code: code, ...(errorType === undefined ? {} : { error_type: errorType }) };
      const seconds = endTimer(labels);
      const caller = callerName(callerOf({ values: request.contextValues }));
      const fields = {
        'rpc.method': method,
        caller,
        'rpc.status_code': code,
        ms: Math.round(seconds * 1_000),
      };
      logCall(log, fields, error);
    };
    const headers = Object.fromEntries(['traceparent', 'tracestate'].flatMap((name) => pick(request.header, name)));
    const serve = async () => {
      try {
        const response = await next(request);
        if (response.stream) return observeStream(response, toOutcome, finish);
        finish();
        return response;
      } catch (error) {
        const mapped = toOutcome(error);
        finish(mapped);
        throw mapped;
      }
    };
    // Map a client's RST_STREAM to `canceled`: Connect's own client resets with INTERNAL_ERROR when its deadline passes.
    const toOutcome = (error: unknown): ConnectError => {
      const mapped = toConnectError(error, domain);
      const isReset = request.signal.aborted && error === request.signal.reason && mapped.code === Code.Internal;
      return isReset
        ? new ConnectError('the caller has reset the call', Code.Canceled, undefined, undefined, error)
        : mapped;
    };
    return runInSpan(serverSpan(request.method, headers), () => recordStatus(serve));
  };
  return [
    observe,
    createAuditLog(domain, log),
    accessControl,
    loadShedding.interceptor,
    ...(options.isForwarding ? [] : [createRequestRules(options.checks)]),
  ];
}

function observeStream(
  response: StreamResponse,
  toOutcome: (error: unknown) => ConnectError,
  finish: (error?: ConnectError) => void,
): StreamResponse | UnaryResponse {
  const source = response.message;
  const observed = async function* () {
    let failure: ConnectError | undefined;
    try {
      yield* source;
    } catch (error) {
      failure = toOutcome(error);
      throw failure;
    } finally {
      finish(failure);
    }
  };
  return { ...response, message: keepContext(observed()) };
}

function logCall(log: Logger, fields: Record<string, unknown>, error: ConnectError | undefined): void {
  if (error === undefined) log.debug(fields, 'served');
  else if (OWN_FAULTS.has(error.code))
    log.error({ ...fields, err: error.cause ?? error }, 'failed with an error of this service');
  else if (error.code === Code.ResourceExhausted)
    log.debug(fields, 'shed'); // load-shedding.ts logs a summary.
  else if (error.code === Code.Unavailable) log.warn({ ...fields, err: error.cause ?? error }, 'could not serve now');
  else log.info({ ...fields, reason: error.rawMessage }, 'refused');
}

function pick(headers: Headers, name: string): [string, string][] {
  const value = headers.get(name);
  return value === null ? [] : [[name, value]];
}
