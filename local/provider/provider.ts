// The fake payment provider over HTTP: the world outside, as payment sees it. Runs as a process (main.ts) or inside a test.

import { z } from 'zod';
import { type Clock, systemClock } from '../shared/clock.ts';
import {
  type JsonAnswer,
  type JsonRequest,
  RequestError,
  refuseField,
  startJsonServer,
} from '../shared/json-server.ts';
import { type Logger, silentLogger } from '../shared/logger.ts';
import { type ChargeRequest, ChargeSimulator, PAYMENT_METHODS, type RefundRequest } from './charge-simulator.ts';
import { type Charge, openLedger } from './ledger.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;

export type FakePaymentProviderOptions = {
  /** 0, the default, lets the system choose. */
  port?: number;
  host?: string;
  /** Without it the ledger is in memory. */
  ledgerFile?: string;
  /** How long a key is remembered; after that the same key is a new charge. Default 24 hours. */
  keyRetentionMs?: number;
  /** How long `pm_slow` takes to capture. Default 5000. */
  slowCaptureMs?: number;
  clock?: Clock;
  log?: Logger;
};

export type FakePaymentProvider = AsyncDisposable & {
  url: string;
  host: string;
  port: number;
  /** Stops answering and closes the ledger; slow captures that have not happened yet never do. */
  close(): Promise<void>;
};

const text = z.string('must be a string').min(1, 'must not be empty').max(255, 'must have at most 255 characters');
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

/** Starts the provider. Throws when the port is taken or the ledger file is damaged. */
export async function startFakePaymentProvider(options: FakePaymentProviderOptions = {}): Promise<FakePaymentProvider> {
  const log = options.log ?? silentLogger;
  const desk = new ChargeSimulator({
    clock: options.clock ?? systemClock,
    append: (entry) => ledger.append(entry),
    keyRetentionMs: options.keyRetentionMs ?? DAY_MS,
    slowCaptureMs: options.slowCaptureMs ?? 5_000,
  });
  const ledger = await openLedger(options.ledgerFile, (entry) => desk.restore(entry));
  try {
    const server = await startJsonServer({
      host: options.host ?? '127.0.0.1',
      port: options.port ?? 0,
      log,
      routes: {
        'POST /v1/charges': (request) => postCharge(desk, log, request),
        'GET /v1/charges': (request) => getCharges(desk, request),
        'POST /v1/refunds': (request) => postRefund(desk, log, request),
        'GET /v1/ledger': () => ({
          status: 200,
          body: { charges: [...desk.listCharges()], refunds: [...desk.listRefunds()] },
        }),
        'GET /healthz': () => ({ status: 200, body: { status: 'ok' } }),
      },
    });
    const close = async () => {
      await server.close();
      desk.close();
      await ledger[Symbol.asyncDispose]();
    };
    return { url: server.url, host: server.host, port: server.port, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await ledger[Symbol.asyncDispose]();
    throw error;
  }
}

async function postCharge(desk: ChargeSimulator, log: Logger, request: JsonRequest): Promise<JsonAnswer> {
  const key = readKey(request);
  const body = await request.readBody(chargeRequest);
  const answer = await desk.charge(key, body).catch(logRefusal(log, { order_id: body.order_id }));
  const replayed = answer.headers !== undefined;
  log.info({ order_id: body.order_id, replayed }, answer.status === 200 ? 'captured' : 'declined');
  return answer;
}

async function postRefund(desk: ChargeSimulator, log: Logger, request: JsonRequest): Promise<JsonAnswer> {
  const key = readKey(request);
  const body = await request.readBody(refundRequest);
  const answer = await desk.refund(key, body).catch(logRefusal(log, { charge_id: body.charge_id }));
  log.info({ charge_id: body.charge_id, replayed: answer.headers !== undefined }, 'refunded');
  return answer;
}

function logRefusal(log: Logger, fields: object): (error: unknown) => never {
  return (error) => {
    if (error instanceof RequestError) log.warn({ ...fields, code: error.code }, 'refused');
    throw error;
  };
}

/** `?order_id=`, `?customer_id=` or both; `limit` at most 1000; `starting_after` the last charge id of the page before. */
function getCharges(desk: ChargeSimulator, request: JsonRequest): JsonAnswer {
  const orderId = request.query.get('order_id');
  const customerId = request.query.get('customer_id');
  if (!orderId && !customerId) throw refuseField('order_id', 'order_id or customer_id is needed');
  const limit = readLimit(request.query.get('limit'));
  const startingAfter = request.query.get('starting_after');
  const page: Charge[] = [];
  let started = startingAfter === null;
  let hasMore = false;
  for (const charge of orderId ? desk.chargesOfOrder(orderId) : desk.listCharges()) {
    if (customerId && charge.customer_id !== customerId) continue;
    if (!started) {
      started = charge.id === startingAfter;
      continue;
    }
    hasMore = page.length === limit;
    if (hasMore) break;
    page.push(charge);
  }
  if (!started) throw refuseField('starting_after', 'no such charge in this list');
  return { status: 200, body: { charges: page, has_more: hasMore } };
}

function readLimit(value: string | null): number {
  if (value === null) return DEFAULT_PAGE;
  const limit = Number(value);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit;
  throw refuseField('limit', `must be an integer between 1 and ${MAX_PAGE}`);
}

function readKey(request: JsonRequest): string {
  const key = keyHeader.safeParse(request.header('idempotency-key'));
  if (key.success) return key.data;
  throw refuseField('Idempotency-Key', 'this header is required: 1 to 255 visible ASCII characters');
}
