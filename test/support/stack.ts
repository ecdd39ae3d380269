// The whole platform as processes for an end-to-end test: free ports, a data folder that goes away, clients for every service.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { NotificationService } from '#gen/shop/notification/v1/notification_service_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { type Stack, type StackOptions, startStack } from '#services/dev/stack.ts';
import type { ServiceName } from '#services/dev/topology.ts';
import { createGuardedDirectory } from '#services/dev/watchdog.ts';

export type TestStack = AsyncDisposable & {
  readonly stack: Stack;
  readonly orders: Client<typeof OrderService>;
  readonly inventory: Client<typeof InventoryService>;
  readonly payments: Client<typeof PaymentService>;
  readonly notifications: Client<typeof NotificationService>;
  client<Service extends DescService>(name: ServiceName, service: Service): Client<Service>;
  /** The mails the mailbox holds for a customer. */
  mails(customerId: string): Promise<Mail[]>;
  /** What the parts printed, one line each; for looking at a failure, and for what must not be in it. */
  readonly output: readonly string[];
};

export type Mail = { readonly messageId: string; readonly to: string; readonly subject: string; readonly text: string };

/** Starts the platform. `environment` holds settings for all services; everything is gone after disposal. */
export async function startTestStack(
  environment: Record<string, string> = {},
  options: Pick<StackOptions, 'serviceEnvironment'> = {},
): Promise<TestStack> {
  const resources = new AsyncDisposableStack();
  try {
    const folder = resources.use(await createGuardedDirectory('touchstone-e2e'));
    const output: string[] = [];
    const stack = resources.use(
      await startStack({
        dataDir: join(folder.path, 'data'),
        ports: 'free',
        durable: false,
        environment: { PATH: process.env.PATH, LOG_LEVEL: 'info', ...environment },
        log: (part, line) => output.push(`${part} ${line}`),
        ...options,
      }),
    );
    const client = <Service extends DescService>(name: ServiceName, service: Service) =>
      createClient(service, createConnectTransport({ baseUrl: stack.url(name), httpVersion: '1.1' }));
    return {
      stack,
      client,
      orders: client('order', OrderService),
      inventory: client('inventory', InventoryService),
      payments: client('payment', PaymentService),
      notifications: client('notification', NotificationService),
      mails: async (customerId) => {
        const to = encodeURIComponent(`${customerId}@customers.example`);
        const response = await fetch(`${stack.url('mailbox')}/messages?to=${to}`);
        const { messages } = (await response.json()) as { messages: Mail[] };
        return messages;
      },
      output,
      [Symbol.asyncDispose]: () => resources.disposeAsync(),
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

/** A CreateOrder request of one product that is approved, with a fresh key; `overrides` change it. */
export function orderRequest(overrides: Partial<OrderRequest> = {}): OrderRequest {
  return {
    idempotencyKey: randomUUID(),
    customerId: 'cust123',
    items: [{ productId: '12345', quantity: 1 }],
    paymentMethod: 'pm_approved',
    ...overrides,
  };
}

export type OrderRequest = {
  readonly idempotencyKey: string;
  readonly customerId: string;
  readonly items: { readonly productId: string; readonly quantity: number }[];
  readonly paymentMethod: string;
};
