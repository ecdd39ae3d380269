// The control port of the local stack: on loopback only, for operators only.
import type { Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { createRpcServer } from '#packages/rpc-server/index.ts';
import { DOMAIN } from '../../services/domain.ts';
import { permissionDenied, unauthenticated } from '../../services/platform/base/errors.ts';
import { createTokenVerifier, type VerifyToken } from '../../services/platform/identity/token-verifier.ts';
import { toConnectError } from '../../services/platform/server/rpc-errors.ts';
import { AUDIENCE, ISSUER } from '../identity/token-issuer.ts';
import { createContractCheck } from './checks/contract-check.ts';
import { createExperiments } from './checks/experiments.ts';
import { startProgram } from './checks/program.ts';
import { createControlService } from './control-service.ts';
import type { ControlledStack } from './controlled-stack.ts';
import { createFaultLinks } from './fault-links.ts';
import { createFrozenProcesses } from './frozen-processes.ts';
import { createInvariantJudge } from './invariant-judge.ts';
import { createOrderEventReader } from './order-history/order-events.ts';
import { createSpanCollector } from './order-history/span-collector.ts';
import { createSpanMemory } from './order-history/span-memory.ts';
import { createQueueFill } from './queue-fill.ts';
import { createQueueHolds } from './queue-holds.ts';
import { createQueueLengths } from './queue-lengths.ts';
import { createTraffic } from './traffic.ts';

const LOOPBACK = '127.0.0.1';
const STOP_GRACE_MS = 500;
const BEARER = /^Bearer +(\S+) *$/i;

export type ControlServer = AsyncDisposable & {
  readonly url: string;
  /** The settings of a service that sends its spans to this port. */
  readonly spanSettings: Readonly<Record<string, string>>;
};

/**
 * Opens the control port.
 * @param keys Path of the public keys of the stack's tokens.
 */
export async function startControlServer(stack: ControlledStack, keys: string): Promise<ControlServer> {
  await using resources = new AsyncDisposableStack();
  const authority = await stack.authority();
  const connect = (service: 'order' | 'inventory', interceptors: Interceptor[] = []) =>
    createConnectTransport({
      baseUrl: stack.url(service),
      httpVersion: '1.1',
      interceptors,
      ...(authority === undefined ? {} : { nodeOptions: { ca: authority } }),
    });
  // A frozen process would not hear that it is to stop.
  resources.defer(() => continueAll(stack));
  const links = resources.use(createFaultLinks(stack));
  const traffic = resources.use(
    createTraffic({ order: connect('order'), inventory: connect('inventory', [showToken(stack)]) }),
  );
  const frozen = createFrozenProcesses(stack);
  const holds = createQueueHolds({ stack, frozen, links });
  const queueFill = resources.use(createQueueFill({ holds, startBurst: traffic.startBurst }));
  const queueLengths = resources.use(createQueueLengths(() => stack.brokerAccess()));
  const verifyToken = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, keys, clockToleranceMs: 5_000 });
  const experiments = resources.use(createExperiments(startProgram, stack.reportFolder));
  const spans = createSpanMemory();
  const collector = createSpanCollector(spans);
  const service = createControlService({
    ...{ stack, frozen, links, traffic, spans, experiments, queueFill, queueLengths },
    checkContracts: createContractCheck(startProgram),
    judge: createInvariantJudge(stack),
    readEvents: createOrderEventReader(() => stack.brokerAccess()),
  });
  const server = createRpcServer({
    host: LOOPBACK,
    corsOrigins: [],
    interceptors: [mapErrors, requireOperator(verifyToken)],
    errorDomain: DOMAIN.domain,
    routes: (router) => router.service(ControlService, service),
    httpRoutes: collector.routes,
  });
  resources.defer(() => server.stop({ graceMs: STOP_GRACE_MS }));
  const { url } = await server.listen();
  const owned = resources.move();
  return { url, spanSettings: collector.settingsFor(url), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function continueAll(stack: ControlledStack): Promise<void> {
  const alive = stack.rows().filter(({ pid }) => pid !== undefined);
  // One that has ended in the meantime needs no signal.
  await Promise.allSettled(alive.map(({ name }) => stack.kill(name, 'SIGCONT')));
}

const mapErrors: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    throw toConnectError(error, DOMAIN);
  }
};

// A token is issued for each call: it is good for an hour, the load goes on for longer.
function showToken(stack: ControlledStack): Interceptor {
  return (next) => async (request) => {
    request.header.set('authorization', `Bearer ${await stack.operatorToken()}`);
    return await next(request);
  };
}

function requireOperator(verifyToken: VerifyToken): Interceptor {
  return (next) => async (request) => {
    const token = BEARER.exec(request.header.get('authorization') ?? '')?.[1];
    if (token === undefined) throw unauthenticated('CREDENTIALS_REQUIRED', 'only an operator may control the stack');
    const { kind } = await verifyToken(token);
    if (kind !== 'operator') throw permissionDenied('ACCESS_DENIED', 'only an operator may control the stack');
    return await next(request);
  };
}
