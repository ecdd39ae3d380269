// The program behind `make order`: places a sample order on the running platform and watches it.

import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { httpUrl, parseSettings, port } from '../../services/platform/base/settings.ts';
import { openCommandTransport } from '../identity/command-transport.ts';
import { endWithReader } from '../shared/output-reader.ts';
import { isFinal, placeAndWatchOrder } from './order-watch.ts';

const TIMEOUT_MS = 60_000;
const HELP = `Places an order on the running platform and prints each step until its final status.

  make order ARGS='[options]'
  node local/commands/order.ts [options]

  --product <id>          the product to order (default: 12345)
  --quantity <number>     the quantity (default: 1)
  --payment-method <pm>   pm_approved (default), pm_insufficient_funds, pm_expired_card, pm_provider_error or pm_slow
  --customer <id>         the customer (default: cust123)
  --help                  print this help

The order service is called at ORDER_URL (default: 127.0.0.1:ORDER_PORT, and ORDER_PORT is 50051).
`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      product: { type: 'string', default: '12345' },
      quantity: { type: 'string', default: '1' },
      'payment-method': { type: 'string', default: 'pm_approved' },
      customer: { type: 'string', default: 'cust123' },
      help: { type: 'boolean', default: false },
    },
  });
  const quantity = Number(values.quantity);
  // The service validates the range; only a number that int32 cannot hold is rejected here.
  if (!/^-?\d{1,9}$/.test(values.quantity)) throw new Error(`--quantity: ${values.quantity} is not a whole number`);
  return { ...values, quantity };
}

function describeFailure(error: unknown, url: string): string {
  if (!(error instanceof ConnectError)) return error instanceof Error ? error.message : String(error);
  if (error.code === Code.Unavailable && hasCause(error, 'ECONNREFUSED')) {
    return `No order service at ${url}. Start the platform with \`make run\` first, in another terminal.`;
  }
  if (error.code === Code.DeadlineExceeded) {
    return `The order is still pending after ${TIMEOUT_MS / 1000} s. Processing continues in the background; GetOrder returns its status.`;
  }
  return `The order service at ${url} answered ${error.message}`;
}

function hasCause(error: Error, code: string): boolean {
  const { cause } = error;
  if (!(cause instanceof Error)) return false;
  return ('code' in cause && cause.code === code) || hasCause(cause, code);
}

// Called inside `try`: an invalid setting is printed in one line, like any other failure.
function readOrderUrl(): string {
  const settings = parseSettings(process.env, {
    ORDER_PORT: port(50_051),
    ORDER_URL: httpUrl('').unwrap().optional(),
  });
  return settings.ORDER_URL ?? `http://127.0.0.1:${settings.ORDER_PORT}`;
}

let url = 'its address';
endWithReader();
try {
  const { product, quantity, customer, help, 'payment-method': paymentMethod } = readArguments();
  if (help) {
    process.stdout.write(HELP);
  } else {
    url = readOrderUrl();
    const client = createClient(OrderService, openCommandTransport(process.env, url));
    const sample = { idempotencyKey: randomUUID(), customerId: customer, productId: product, quantity, paymentMethod };
    const write = (line: string) => process.stdout.write(`${line}\n`);
    const status = await placeAndWatchOrder(client, sample, { write, timeoutMs: TIMEOUT_MS });
    if (!isFinal(status)) write('The service ended the stream; processing of the order continues in the background.');
  }
} catch (error) {
  process.stderr.write(`${describeFailure(error, url)}\n`);
  process.exitCode = 1;
}
