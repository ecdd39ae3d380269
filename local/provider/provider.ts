// The fake payment provider over HTTP: the world outside, as payment sees it. Runs as a process (main.ts) or inside a test.

import { z } from 'zod';
import { countCharacters } from '../../services/platform/base/text.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import {
  invalidField,
  type JsonRequest,
  type JsonResponse,
  RequestError,
  startJsonServer,
} from '../shared/json-server.ts';
import { type Logger, silentLogger } from '../shared/logger.ts';
import { type ChargeRequest, ChargeSimulator, PAYMENT_METHODS, type RefundRequest } from './charge-simulator.ts';
import { type Charge, openLedger } from './ledger.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

export type FakePaymentProviderOptions = {
  /** Default 0: the system chooses a free port. */
  port?: number;
  host?: string;
  /** Names by which it is called over HTTP, in addition to IP addresses, `localhost` and `host`. Default none. */
  allowedHosts?: readonly string[] | undefined;
  /** Default none: the ledger is in memory. */
  ledgerFile?: string;
  /** How long a key is kept; after that, the same key makes a new charge. Default 24 hours. */
  keyRetentionMs?: number;
  /** How long `pm_slow` takes to capture. Default 5000. */
  slowCaptureMs?: number;
  clock?: Clock;
  log?: Logger;
  /** With them it speaks HTTPS. PEM. */
  tls?: { cert: Buffer; key: Buffer } | undefined;
};

export type FakePaymentProvider = AsyncDisposable & {
  url: string;
  host: string;
  port: number;
  /** Stops the server, cancels pending slow captures and closes the ledger. */
  close(): Promise<void>;
};

const MAX_TEXT_LENGTH = 255;
const text = z
  .string('must be a string')
  .min(1, 'must not be empty')
  .refine((value) => countCharacters(value) <= MAX_TEXT_LENGTH, `must have at most ${MAX_TEXT_LENGTH} characters`);
const amount = z.strictObject({
  currency_code: z.string('must be a string').regex(/^[A-Z]{3}$/, 'must be three capital letters'),
  minor_units: z
    .int('must be an integer between 1 and 9007199254740991')
    .min(1, 'must be an integer between 1 and 9007199254740991'),
});
const chargeRequest: z.ZodType<ChargeRequest> = z.strictObject({
  order_id: text,
  customer_id: text,
  amount,
  payment_method: z.enum(PAYMENT_METHODS, 'unknown payment method'),
});
const refundRequest: z.ZodType<RefundRequest> = z.strictObject({
  charge_id: text,
  amount: amount.optional(),
  reason: text.optional(),
});
const keyHeader = z.string().regex(/^[\x21-\x7e]{1,255}$/);

/**
 * Starts the provider.
 * @throws {Error} when the port is taken or the ledger file is damaged.
 */
export async function startFakePaymentProvider(options: FakePaymentProviderOptions = {}): Promise<FakePaymentProvider> {
  const log = options.log ?? silentLogger;
  const simulator = new ChargeSimulator({
    clock: options.clock ?? systemClock,
    append: (entry) => ledger.append(entry),
    keyRetentionMs: options.keyRetentionMs ?? DAY_MS,
    slowCaptureMs: options.slowCaptureMs ?? 5_000,
  });
  const ledger = await openLedger(options.ledgerFile, (entry) => simulator.restore(entry));
  try {
    const server = await startJsonServer({
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      allowedHosts: options.allowedHosts,
      log,
      tls: options.tls,
      routes: {
        'POST /v1/charges': (request) => postCharge(simulator, log, request),
        'GET /v1/charges': (request) => getCharges(simulator, request),
        'POST /v1/refunds': (request) => postRefund(simulator, log, request),
        'GET /v1/ledger': () => ({
          status: 200,
          body: { charges: [...simulator.listCharges()], refunds: [...simulator.listRefunds()] },
        }),
        'GET /healthz': () => ({ status: 200, body: { status: 'ok' } }),
      },
    });
    const close = async () => {
      await server.close();
      simulator.close();
      await ledger[Symbol.asyncDispose]();
    };
    return { url: server.url, host: server.host, port: server.port, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await ledger[Symbol.asyncDispose]();
    throw error;
  }
}

async function postCharge(simulator: ChargeSimulator, log: Logger, request: JsonRequest): Promise<JsonResponse> {
  const key = readKey(request);
  const body = await request.readBody(chargeRequest);
  const answer = await simulator.charge(key, body).catch(logRejection(log, { order_id: body.order_id }));
  const replayed = answer.headers !== undefined;
  log.info({ order_id: body.order_id, replayed }, answer.status === 200 ? 'captured' : 'declined');
  return answer;
}

async function postRefund(simulator: ChargeSimulator, log: Logger, request: JsonRequest): Promise<JsonResponse> {
  const key = readKey(request);
  const body = await request.readBody(refundRequest);
  const answer = await simulator.refund(key, body).catch(logRejection(log, { charge_id: body.charge_id }));
  log.info({ charge_id: body.charge_id, replayed: answer.headers !== undefined }, 'refunded');
  return answer;
}

function logRejection(log: Logger, fields: object): (error: unknown) => never {
  return (error) => {
    if (error instanceof RequestError) log.warn({ ...fields, code: error.code }, 'rejected');
    throw error;
  };
}

/** Query: `order_id`, `customer_id` or both; `limit`, at most 1000; `starting_after`, the last charge id of the previous page. */
function getCharges(simulator: ChargeSimulator, request: JsonRequest): JsonResponse {
  const orderId = request.query.get('order_id');
  const customerId = request.query.get('customer_id');
  if (!orderId && !customerId) throw invalidField('order_id', 'order_id or customer_id is required');
  const limit = readLimit(request.query.get('limit'));
  const startingAfter = request.query.get('starting_after');
  const page: Charge[] = [];
  let started = startingAfter === null;
  let hasMore = false;
  for (const charge of orderId ? simulator.chargesOfOrder(orderId) : simulator.listCharges()) {
    if (customerId && charge.customer_id !== customerId) continue;
    if (!started) {
      started = charge.id === startingAfter;
      continue;
    }
    hasMore = page.length === limit;
    if (hasMore) break;
    page.push(charge);
  }
  if (!started) throw invalidField('starting_after', 'no such charge in this list');
  return { status: 200, body: { charges: page, has_more: hasMore } };
}

function readLimit(value: string | null): number {
  if (value === null) return DEFAULT_PAGE;
  const limit = Number(value);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit;
  throw invalidField('limit', `must be an integer between 1 and ${MAX_PAGE}`);
}

function readKey(request: JsonRequest): string {
  const key = keyHeader.safeParse(request.header('idempotency-key'));
  if (key.success) return key.data;
  throw invalidField('Idempotency-Key', 'this header is required: 1 to 255 visible ASCII characters');
}
