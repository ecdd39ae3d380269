// The platform with TLS=on: orders by other people's clients, proxies that record what goes between the processes, and peers without TLS.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import { issueCertificate } from '#local/identity/certificate-authority.ts';
import { natsUsers } from '#local/nats/nats-permissions.ts';
import { natsUrlOf } from '#local/nats/nats-server.ts';
import { loadPasswords } from '#local/shared/secrets.ts';
import { choosePorts } from '../support/cluster/choose-ports.ts';
import { findGoProgram, GRPCURL_MISSING } from '../support/go-programs.ts';
import { type OwnStack, startOwnStack } from '../support/own-stack.ts';
import { PATIENT_DATABASE } from '../support/patience.ts';
import { requestDataTemplate } from '../support/shared-stacks.ts';
import { failureOf, orderRequest, runProgram } from '../support/stack.ts';

const PORTS = [
  'ORDER_PORT',
  'INVENTORY_PORT',
  'PAYMENT_PORT',
  'NOTIFICATION_PORT',
  'ANALYTICS_PORT',
  'POSTGRES_PORT',
  'NATS_PORT',
  'PAYMENT_PROVIDER_PORT',
  'MAILBOX_SMTP_PORT',
  'MAILBOX_HTTP_PORT',
] as const;
type PortName = (typeof PORTS)[number];

/** What would be readable on a link without TLS. */
const SECRETS = [
  'pm_approved',
  'cust-of-the-tls-test',
  'OrderService',
  'InventoryService',
  'StockReserved',
  'insert into',
  'order_id',
];

const resources = new AsyncDisposableStack();
const links = new Map<PortName, Recorder>();
let own: OwnStack;
let authority: string;
let portSettings: Record<string, string>;

beforeAll(async () => {
  const template = await requestDataTemplate(inject('sharedStacksSocket'));
  const chosen = await choosePorts('tls', PORTS.length);
  const ports = Object.fromEntries(PORTS.map((name, index) => [name, chosen[index]])) as Record<PortName, number>;
  portSettings = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]));
  for (const name of [
    'INVENTORY_PORT',
    'PAYMENT_PORT',
    'PAYMENT_PROVIDER_PORT',
    'MAILBOX_SMTP_PORT',
    'NATS_PORT',
    'POSTGRES_PORT',
    'ORDER_PORT',
  ] as const) {
    links.set(name, resources.use(await startRecorder(ports[name])));
  }
  const through = (name: PortName) => `127.0.0.1:${links.get(name)?.port}`;
  const passwords = await loadPasswords(join(template, 'secret'));
  const database = (service: string) =>
    `postgres://shop_${service}:${encodeURIComponent(passwords(`shop_${service}`))}@${through('POSTGRES_PORT')}/shop_${service}`;
  own = resources.use(
    await startOwnStack(
      template,
      { TLS: 'on', ...portSettings, ...PATIENT_DATABASE },
      {
        ports: 'defaults',
        serviceEnvironment: {
          order: {
            INVENTORY_URL: `https://${through('INVENTORY_PORT')}`,
            PAYMENT_URL: `https://${through('PAYMENT_PORT')}`,
            NATS_URL: natsUrlOf(natsUsers(passwords), 'order', links.get('NATS_PORT')?.port ?? 0, true),
          },
          payment: { PAYMENT_PROVIDER_URL: `https://${through('PAYMENT_PROVIDER_PORT')}` },
          notification: { SMTP_URL: `smtp://${through('MAILBOX_SMTP_PORT')}` },
          inventory: { INVENTORY_DATABASE_URL: `${database('inventory')}?sslmode=verify-full` },
        },
      },
    ),
  );
  authority = await readFile(own.stack.authorityFile(), 'utf8');
}, 90_000);
afterAll(() => resources.disposeAsync());

type Recorder = AsyncDisposable & {
  readonly port: number;
  /** Everything that went through, in both directions. */
  read(): Buffer;
};

/** Starts a proxy on loopback that records what goes to a port and back. */
async function startRecorder(upstreamPort: number): Promise<Recorder> {
  const recorded: Buffer[] = [];
  const sockets = new Set<Socket>();
  const pipe = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on('data', (bytes: Buffer) => {
      recorded.push(bytes);
      to.write(bytes);
    });
    from
      .on('error', () => to.destroy())
      .on('end', () => to.end())
      .on('close', () => to.destroy());
  };
  const server = createServer((client) => {
    const upstream = connectTcp(upstreamPort, '127.0.0.1');
    pipe(client, upstream);
    pipe(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the recorder has no port');
  return {
    port: address.port,
    read: () => Buffer.concat(recorded),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const orderUrl = () => `https://127.0.0.1:${links.get('ORDER_PORT')?.port}`;

function orders(nodeOptions: Record<string, string> = { ca: authority }) {
  return createClient(OrderService, createGrpcTransport({ baseUrl: orderUrl(), nodeOptions }));
}

async function orderConfirmed(): Promise<string> {
  const client = orders();
  const { order } = await client.createOrder(orderRequest({ customerId: 'cust-of-the-tls-test' }));
  const orderId = order?.orderId ?? '';
  for await (const { order: latest } of client.watchOrder({ orderId })) {
    if (latest?.status !== OrderStatus.PENDING) expect(latest?.status).toBe(OrderStatus.CONFIRMED);
  }
  return orderId;
}

describe('an order over TLS', () => {
  it('is confirmed and mailed, and no link between the processes shows what it is about', async () => {
    const orderId = await orderConfirmed();
    await vi.waitFor(
      () => expect(own.output.filter((line) => line.includes('mail sent')).join()).toContain(orderId),
      30_000,
    );

    for (const [name, link] of links) {
      const bytes = link.read().toString('latin1');
      expect(bytes.length, `${name} was used`).toBeGreaterThan(1_000);
      for (const secret of [...SECRETS, orderId]) expect(bytes, `${name} shows ${secret}`).not.toContain(secret);
    }
  });

  it('is placed by curl with the authority, and not without it', async () => {
    const { stdout } = await runProgram('curl', [
      '--silent',
      '--cacert',
      own.stack.authorityFile(),
      '--header',
      'content-type: application/json',
      '--data',
      JSON.stringify(orderRequest()),
      `${orderUrl()}/shop.order.v1.OrderService/CreateOrder`,
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'OUTCOME_CONFIRMED' });
    const untrusted = await runProgram('curl', ['--silent', '--show-error', `${orderUrl()}/metrics`]);
    expect(untrusted.stderr).toMatch(/certificate/i);
  });

  it('is placed by grpcurl with the authority', async ({ skip }) => {
    const grpcurl = await findGoProgram('grpcurl');
    skip(grpcurl === undefined, GRPCURL_MISSING);
    const address = orderUrl().replace('https://', '');
    const body = JSON.stringify(orderRequest());
    const { stdout } = await runProgram(grpcurl ?? '', [
      '-cacert',
      own.stack.authorityFile(),
      '-d',
      body,
      address,
      'shop.order.v1.OrderService/CreateOrder',
    ]);
    expect(stdout).toContain('OUTCOME_CONFIRMED');
  });
});

it('the command that checks the invariants trusts the authority of the stack by itself', async () => {
  const program = fileURLToPath(new URL('../support/verify.ts', import.meta.url));
  const settings = { TLS: 'on', DATA_DIR: join(own.stack.authorityFile(), '..', '..'), ...portSettings };
  const { exitCode, stdout, stderr } = await runProgram(process.execPath, [program, '--timeout', '10'], settings);

  // Another test has reserved stock without an order, which it may report.
  expect({ exitCode, stderr }).toEqual({ exitCode: expect.toBeOneOf([0, 1]), stderr: '' });
  expect(stdout).toMatch(/\d+ violated/);
});

describe('a client', () => {
  it('that does not know the authority, or speaks cleartext, gets nothing', async () => {
    await expect(orders({}).listOrders({})).rejects.toThrow(/certificate|self-signed/);
    const cleartext = createClient(
      OrderService,
      createGrpcTransport({ baseUrl: orderUrl().replace('https:', 'http:') }),
    );
    await expect(cleartext.listOrders({})).rejects.toThrow();
  });

  it('may reserve stock only with the certificate of the order service', async () => {
    const url = own.stack.url('inventory');
    const folder = join(own.stack.authorityFile(), '..');
    const reserve = async (pair: Record<string, string>) => {
      const nodeOptions = { ca: authority, ...pair };
      const client = createClient(InventoryService, createGrpcTransport({ baseUrl: url, nodeOptions }));
      return await client.reserveStock({ orderId: 'tls-test', lines: [{ productId: 'prod107', quantity: 1 }] });
    };
    const pairOf = async (name: string) => ({
      cert: await readFile(join(folder, `${name}.pem`), 'utf8'),
      key: await readFile(join(folder, `${name}-key.pem`), 'utf8'),
    });
    const forged = issueCertificate(undefined, { name: 'order', uri: 'spiffe://touchstone.local/order' });

    expect((await reserve(await pairOf('order'))).reservation).toMatchObject({ orderId: 'tls-test' });
    for (const pair of [{}, await pairOf('payment'), { ...forged }]) {
      expect((await failureOf(reserve(pair))).reason).toBe('CREDENTIALS_REQUIRED');
    }
  });
});
