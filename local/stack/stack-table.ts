// The table and the commands that `make run` prints when every process is healthy.

import type { StackRow } from './stack.ts';

const CREATE_ORDER = 'shop.order.v1.OrderService/CreateOrder';
const GET_STATUS = 'shop.ops.v1.OpsService/GetStatus';
const DEFAULT_ORDER_PORT = '50051';

const HEALTH_NAMES: Record<StackRow['health'], string> = {
  healthy: 'healthy',
  starting: 'starting',
  waiting: 'down',
  stopped: 'stopped',
  external: 'external',
};

export function renderTable(rows: readonly StackRow[]): string {
  const cells = rows.map(({ name, address, pid, health }) => [name, address, String(pid ?? '-'), HEALTH_NAMES[health]]);
  const table = [['process', 'address', 'pid', 'health'], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [lines[0], widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1)]
    .map((line) => `  ${line}`.trimEnd())
    .join('\n');
}

/** The first thing to open: the page that shows the platform. */
export function renderConsole(url: string): string {
  return `Console: ${url.replace('//127.0.0.1:', '//localhost:')}`;
}

/**
 * Each command has its own idempotency key, made by `newKey`. `orderUrl` is the order service's address.
 * @param authority Path of the certificate to verify an `https` service by.
 */
export function renderCommands(orderUrl: string, newKey: () => string, authority = ''): string {
  const { protocol, port, hostname } = new URL(orderUrl);
  const grpcurl = protocol === 'https:' ? `grpcurl -cacert ${authority}` : 'grpcurl -plaintext';
  const curl = protocol === 'https:' ? `curl --cacert ${authority}` : 'curl';
  const address = hostname === '127.0.0.1' ? `localhost:${port}` : `${hostname}:${port}`;
  const isDefault = protocol === 'http:' && port === DEFAULT_ORDER_PORT && hostname === '127.0.0.1';
  const makeOrder = isDefault ? '' : `ORDER_URL=${protocol}//${address} `;
  return [
    'Place an order with one of these, in another terminal:',
    '',
    `  ${grpcurl} -d '${sampleOrder(newKey())}' ${address} ${CREATE_ORDER}`,
    '',
    `  ${curl} -H 'content-type: application/json' -d '${sampleOrder(newKey())}' ${protocol}//${address}/${CREATE_ORDER}`,
    '',
    `  ${makeOrder}make order`,
    '',
    'Everything else needs a token. As an operator:',
    '',
    `  ${grpcurl} -H "authorization: Bearer $(make -s token ROLE=operator)" ${address} ${GET_STATUS}`,
  ].join('\n');
}

function sampleOrder(key: string): string {
  return JSON.stringify({
    idempotency_key: key,
    customer_id: 'cust123',
    items: [{ product_id: '12345', quantity: 1 }],
    payment_method: 'pm_approved',
  });
}
