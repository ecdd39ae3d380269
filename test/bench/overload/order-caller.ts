// A minimal client of CreateOrder: Connect over HTTP/2 on a few connections, without a library, so that the load generator takes little
// CPU time from the platform.
import { type ClientHttp2Session, connect } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { OrderStatusSchema } from '../../../gen/shop/order/v1/order_pb.ts';
import {
  CreateOrderRequestSchema,
  CreateOrderResponse_OutcomeSchema,
  CreateOrderResponseSchema,
} from '../../../gen/shop/order/v1/order_service_pb.ts';
import type { AcknowledgedOrder } from '../../support/invariants/facts.ts';

const CALL_MS = 6_000;
const CREATE_ORDER = '/shop.order.v1.OrderService/CreateOrder';
const HEADERS = {
  ':method': 'POST',
  'content-type': 'application/proto',
  'connect-protocol-version': '1',
  'connect-timeout-ms': String(CALL_MS),
};
const RETRY_INFO = 'google.rpc.RetryInfo';

export type Order = { readonly idempotencyKey: string; readonly customerId: string; readonly productId: string };

/** Where orders are placed: whatever answers a CreateOrderRequest with a CreateOrderResponse. */
export type OrderTarget = {
  readonly url: string;
  /** That of CreateOrder by default. */
  readonly path?: string;
  /** The header that repeats the idempotency key, for a server that does not read the request; none by default. */
  readonly keyHeader?: string;
};

/** The outcome of a call: an order, or the code of its error. */
export type CallOutcome =
  | { readonly acknowledged: AcknowledgedOrder }
  | { readonly code: string /** The delay of its RetryInfo. */; readonly retryAfterMs: number | undefined };

export type OrderCaller = Disposable & {
  /** Places an order. Never throws: a call without an answer ends as `broken`. */
  place(order: Order): Promise<CallOutcome>;
};

/** Creates a client with this number of connections, each opened at its first call. */
export function createOrderCaller(target: OrderTarget, connections: number): OrderCaller {
  const sessions = new Array<ClientHttp2Session | undefined>(connections);
  let next = 0;
  const nextSession = (): ClientHttp2Session => {
    next = (next + 1) % connections;
    const kept = sessions[next];
    if (kept !== undefined && !kept.closed && !kept.destroyed) return kept;
    const session = connect(target.url);
    // The error also reaches each call of the session.
    session.on('error', () => session.destroy());
    sessions[next] = session;
    return session;
  };
  return {
    place: (order) => call(nextSession(), target, order),
    [Symbol.dispose]: () => {
      for (const session of sessions) session?.destroy();
    },
  };
}

function call(
  session: ClientHttp2Session,
  { path = CREATE_ORDER, keyHeader }: OrderTarget,
  order: Order,
): Promise<CallOutcome> {
  const { idempotencyKey, customerId, productId } = order;
  const items = [{ productId, quantity: 1 }];
  const request = { idempotencyKey, customerId, items, paymentMethod: 'pm_approved' };
  return new Promise((resolve) => {
    const broken = (): void => resolve({ code: 'broken', retryAfterMs: undefined });
    const headers = keyHeader === undefined ? HEADERS : { ...HEADERS, [keyHeader]: idempotencyKey };
    const stream = session.request({ ...headers, ':path': path });
    const chunks: Buffer[] = [];
    let status = 0;
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve(readOutcome(status, Buffer.concat(chunks), idempotencyKey)));
    stream.on('error', broken);
    stream.on('close', broken);
    stream.setTimeout(CALL_MS + 1_000, () => stream.close());
    stream.end(toBinary(CreateOrderRequestSchema, create(CreateOrderRequestSchema, request)));
  });
}

function readOutcome(status: number, body: Buffer, idempotencyKey: string): CallOutcome {
  if (status !== 200) return readError(status, body);
  const { order, outcome } = fromBinary(CreateOrderResponseSchema, body);
  return {
    acknowledged: {
      idempotencyKey,
      orderId: order?.orderId ?? '',
      status: OrderStatusSchema.value[order?.status ?? 0]?.localName as AcknowledgedOrder['status'],
      outcome: CreateOrderResponse_OutcomeSchema.value[outcome]?.localName ?? String(outcome),
    },
  };
}

function readError(status: number, body: Buffer): CallOutcome {
  try {
    const { code, details = [] } = JSON.parse(body.toString()) as { code: string; details?: ErrorDetail[] };
    const detail = details.find(({ type }) => type === RETRY_INFO);
    return { code, retryAfterMs: detail && readRetryDelay(detail) };
  } catch {
    return { code: `HTTP ${status}`, retryAfterMs: undefined }; // Not an answer of the platform: counted under its HTTP status.
  }
}

/** The value is base64. */
type ErrorDetail = { readonly type: string; readonly value: string };

function readRetryDelay({ value }: ErrorDetail): number {
  const { retryDelay } = fromBinary(RetryInfoSchema, Buffer.from(value, 'base64'));
  return retryDelay === undefined ? 0 : durationMs(retryDelay);
}
