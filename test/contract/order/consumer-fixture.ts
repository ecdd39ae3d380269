// The order service as the consumer of its dependencies: its real client, policy and saga, without the rest of the service.
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { type Client, Code } from '@connectrpc/connect';
import { type Called, detail, type ErrorDetail, type HeaderLiteral, regex } from '@touchstone/kit';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import type { Order } from '#services/order/order.ts';
import { runSaga, type SagaDependencies, type SagaResult } from '#services/order/order-saga.ts';
import { createPolicies } from '#services/order/policies.ts';
import { SYNTHETIC_HEADER, syntheticHeaders } from '#services/platform/base/synthetic.ts';
import { createDependency } from '#services/platform/client/rpc-client.ts';
import { createMetrics } from '#services/platform/observability/metrics.ts';
import { installTracing, runInSpan, SpanKind } from '#services/platform/observability/tracing.ts';
import { TRACED } from '../../support/contracts/contracts.ts';
import { recordedClient } from '../../support/contracts/usage.ts';
import { createFakeSaga, type FakeSaga } from '../../support/services/fake-dependencies.ts';
import { frozenDeadline, pendingOrder, silentLog, TEST_CREDENTIAL } from '../../support/services/order-builders.ts';

/** The order of the contracts: one of 12345 for cust123, 59.99 EUR. */
export const ORDER_ID = '5d0c1f4e-2b7a-4f60-9c1d-8e3a6b9f0a12';
/** Its reservation. */
export const RESERVATION_ID = 'c7b9a3d2-6e15-4a8f-b0d4-1f2e3a4b5c6d';

export const POLICIES = createPolicies(5_000);

const BUDGET_MS = 2_500;

/** The credential that the order service sends for synthetic orders; undefined when it has none. */
export type Credential = { readonly value: string | undefined };
const CREDENTIAL: Credential = { value: TEST_CREDENTIAL };
export const NO_CREDENTIAL: Credential = { value: undefined };

/** The metadata of a call for a synthetic order, in addition to the flag in its message. */
export const WITH_CREDENTIAL: HeaderLiteral = { [SYNTHETIC_HEADER]: regex(/^[!-~]{16,256}$/, TEST_CREDENTIAL) };

/** The order of the contracts, just accepted. */
export function acceptedOrder(change: Partial<Parameters<typeof pendingOrder>[0]> = {}): Order {
  return pendingOrder({
    orderId: ORDER_ID,
    items: [{ productId: '12345', quantity: 1, unitPrice: { currencyCode: 'EUR', minorUnits: 5_999n } }],
    total: { currencyCode: 'EUR', minorUnits: 5_999n },
    ...change,
  });
}

/** A test order of the monitor, just accepted: one test product. */
export function acceptedTestOrder(): Order {
  const items = [{ productId: 'test-product', quantity: 1, unitPrice: { currencyCode: 'EUR', minorUnits: 100n } }];
  return acceptedOrder({
    customerId: 'monitor',
    items,
    total: { currencyCode: 'EUR', minorUnits: 100n },
    synthetic: true,
  });
}

/** A call made for a customer who waits: with a deadline that the policy allows, in the customer's trace. */
export function awaited<M extends DescMethod>(dependency: keyof typeof POLICIES, call: Called<M>): Called<M> {
  return call.withDeadline({ atMostMs: POLICIES[dependency].timeoutMs }).withMetadata(TRACED);
}

/** The details of a refusal for a reason. */
export function refusal(reason: string): ErrorDetail[] {
  return [detail(ErrorInfoSchema, { reason, domain: 'shop' })];
}

/** The error of a call for a synthetic order without the credential. */
export const NEEDS_CREDENTIAL = [
  Code.PermissionDenied,
  'it needs the credential',
  refusal('SYNTHETIC_NOT_ALLOWED'),
] as const;

/** Runs `use` with the order service's own client of a dependency, in the trace of a call. */
export async function withDependency<Service extends DescService, T>(
  name: keyof typeof POLICIES,
  service: Service,
  url: string,
  use: (client: Client<Service>) => Promise<T>,
): Promise<T> {
  installTracing();
  const dependency = createDependency({ url, policy: POLICIES[name], metrics: createMetrics('order'), log: silentLog });
  try {
    return await runInSpan({ name: 'a call', kind: SpanKind.SERVER }, () =>
      use(recordedClient(service, dependency.client(service))),
    );
  } finally {
    await dependency.stop();
  }
}

/** How a run of the saga ended, and the fakes it ran with. */
export type SagaRun = SagaResult & { readonly saga: FakeSaga };

/** Runs the saga on an order with a real client of inventory, and a payment that accepts every card. */
export function runWithInventory(url: string, order: Order, credential = CREDENTIAL): Promise<SagaRun> {
  return withDependency('inventory', InventoryService, url, (inventory) => run(order, { inventory }, credential));
}

/** Runs the saga on an order with a real client of payment, and an inventory that has enough. */
export function runWithPayment(url: string, order: Order, credential = CREDENTIAL): Promise<SagaRun> {
  return withDependency('payment', PaymentService, url, (payment) => run(order, { payment }, credential));
}

async function run(
  order: Order,
  real: Partial<Pick<SagaDependencies, 'inventory' | 'payment'>>,
  { value }: Credential,
): Promise<SagaRun> {
  const saga = createFakeSaga(order);
  const dependencies = { ...saga, ...real, syntheticHeaders: syntheticHeaders(value) };
  const result = await runSaga(dependencies, order, frozenDeadline(BUDGET_MS));
  return { ...result, saga };
}

/** The detail that the order's timeline gives of a step. */
export function detailOf({ timeline }: Order, step: Order['timeline'][number]['step']): string | undefined {
  return timeline.findLast((entry) => entry.step === step)?.detail;
}
