// Who may call what: every RPC, every caller and every protocol, with the access control of the services and answers that are empty.
import { Code, ConnectError, type ConnectRouter, type Interceptor } from '@connectrpc/connect';
import { createRpcServer } from '@touchstone/rpc-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOMAIN } from '#services/domain.ts';
import { createTokenVerifier } from '#services/platform/identity/token-verifier.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { createAccessControl } from '#services/platform/server/access-control.ts';
import { createServerInterceptors } from '#services/platform/server/rpc-interceptors.ts';
import { asCaller, createTokens, TEST_IDENTITY_CONFIG } from '../../support/identity/credentials.ts';
import { EVERY_SERVICE } from '../../support/identity/every-service.ts';
import { clientBy, PROTOCOLS } from '../../support/raw-call.ts';
import { silentLog } from '../../support/services/order-builders.ts';

const NO_CREDENTIALS: Interceptor = (next) => next;
const STRANGER = createTokens(Buffer.alloc(32, 7).toString('base64url'));

/** Every kind of caller. A guest is met with guest orders off and on. */
const CALLERS = {
  guest: NO_CREDENTIALS,
  customer: asCaller('customer', 'cust123'),
  operator: asCaller('operator', 'op1'),
  monitor: asCaller('monitor', 'monitor'),
  'service order': asCaller('service', 'order'),
  'service inventory': asCaller('service', 'inventory'),
  'a token of another issuer': asCaller('operator', 'op1', STRANGER),
} satisfies Record<string, Interceptor>;

type CallerName = keyof typeof CALLERS;

const PUBLIC: CallerName[] = ['guest', 'customer', 'operator', 'monitor', 'service order', 'service inventory'];
const BUYERS: CallerName[] = ['customer', 'operator', 'monitor'];

/** Written by hand: the contract must say the same. */
const ALLOWED: Readonly<Record<string, readonly CallerName[]>> = {
  'OrderService/CreateOrder': BUYERS,
  'OrderService/QuoteOrder': BUYERS,
  'OrderService/GetOrder': BUYERS,
  'OrderService/ListOrders': ['customer', 'operator'],
  'OrderService/CancelOrder': BUYERS,
  'OrderService/RefundOrder': ['operator'],
  'OrderService/WatchOrder': BUYERS,
  'InventoryService/CheckAvailability': PUBLIC,
  'InventoryService/GetProduct': PUBLIC,
  'InventoryService/ListProducts': PUBLIC,
  'InventoryService/UpsertProduct': ['operator'],
  'InventoryService/AdjustStock': ['operator'],
  'InventoryService/ReserveStock': ['service order'],
  'InventoryService/ConfirmReservation': ['service order'],
  'InventoryService/ReleaseReservation': ['service order'],
  'PaymentService/ProcessPayment': ['service order'],
  'PaymentService/RefundPayment': ['service order'],
  'PaymentService/ListCharges': ['operator'],
  'NotificationService/ListNotifications': ['operator'],
  'AnalyticsService/GetSalesSummary': ['operator'],
  'AnalyticsService/WatchSales': ['operator'],
  'AnalyticsService/RebuildSales': ['operator'],
  'MonitorService/RunJourney': ['operator', 'monitor'],
  'MonitorService/ListRuns': ['operator', 'monitor'],
  'OpsService/GetStatus': ['operator', 'monitor'],
  'OpsService/ListDeadLetters': ['operator'],
  'OpsService/ReplayDeadLetter': ['operator'],
  'OpsService/DiscardDeadLetter': ['operator'],
};

/** What guests may call where guest orders are on, in addition to what is public. */
const GUESTS = ['CreateOrder', 'QuoteOrder', 'GetOrder', 'CancelOrder', 'WatchOrder'];

const METHODS = EVERY_SERVICE.flatMap(({ methods }) => methods);
const nameOf = (method: (typeof METHODS)[number]) => `${method.parent.name}/${method.name}`;

const resources = new AsyncDisposableStack();
let closed = '';
let open = '';

beforeAll(async () => {
  closed = await serve(false);
  open = await serve(true);
});
afterAll(() => resources.disposeAsync());

async function serve(guestsAllowed: boolean): Promise<string> {
  const verifyToken = createTokenVerifier(TEST_IDENTITY_CONFIG.tokens);
  const server = resources.use(
    createRpcServer({
      routes: answerEmpty,
      interceptors: createServerInterceptors({
        domain: DOMAIN,
        metrics: createMetrics('order'),
        log: silentLog,
        accessControl: createAccessControl({ verifyToken, guestsAllowed }),
      }),
    }),
  );
  return (await server.listen()).url;
}

function answerEmpty(router: ConnectRouter): void {
  for (const method of METHODS) {
    const answer =
      method.methodKind === 'server_streaming'
        ? async function* () {
            yield {};
          }
        : () => ({});
    router.rpc(method, answer as never);
  }
}

/** The code that a caller gets; `ok` when it is let through, to the handler or to the rules that an empty request violates. */
async function codeFor(url: string, method: (typeof METHODS)[number], protocol: string, caller: Interceptor) {
  const client = clientBy(protocol, url, method.parent, caller);
  const call = Reflect.get(client, method.localName) as (request: object) => unknown;
  try {
    if (method.methodKind === 'server_streaming') {
      for await (const _ of call({}) as AsyncIterable<unknown>) break;
    } else {
      await call({});
    }
    return 'ok';
  } catch (error) {
    const { code } = ConnectError.from(error);
    return code === Code.InvalidArgument ? 'ok' : Code[code];
  }
}

/** What the hand-written table says. Without right credentials a caller is unauthenticated, with the wrong ones it is denied. */
function expectedFor(method: (typeof METHODS)[number], caller: string, guests: boolean): string {
  if (caller === 'a token of another issuer') return 'Unauthenticated';
  if (ALLOWED[nameOf(method)]?.some((allowed) => allowed === caller)) return 'ok';
  if (caller !== 'guest') return 'PermissionDenied';
  return guests && GUESTS.includes(method.name) ? 'ok' : 'Unauthenticated';
}

it('the table names every RPC', () => {
  expect(Object.keys(ALLOWED).sort()).toEqual(METHODS.map(nameOf).sort());
});

describe.each(PROTOCOLS)('over %s', (protocol) => {
  it.each(METHODS.map((method) => [nameOf(method), method] as const))(
    '%s answers those who may call, and no other caller',
    async (_, method) => {
      for (const [caller, interceptor] of Object.entries(CALLERS)) {
        for (const [url, guests] of [
          [closed, false],
          [open, true],
        ] as const) {
          const cell = `${caller}${guests ? ', guest orders on' : ''}`;
          const code = await codeFor(url, method, protocol, interceptor);
          expect(`${cell}: ${code}`).toBe(`${cell}: ${expectedFor(method, caller, guests)}`);
        }
      }
    },
  );
});
