// The output of `make run` and `make order`: the table, the commands to copy, and the sample order.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CreateOrderResponse_Outcome as Outcome } from '#gen/shop/order/v1/order_service_pb.ts';
import { chooseFreePort } from '#local/process/ports.ts';
import { renderCommands, renderTable } from '#local/stack/stack-table.ts';
import { PATIENCE } from '../support/patience.ts';
import { awaitOrder, orderRequest, runProgram, type TestStack, useSharedStack } from '../support/stack.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('#local/commands/order.ts'));

let platform: TestStack;

beforeAll(async () => {
  platform = await useSharedStack('steady');
});
afterAll(() => platform?.[Symbol.asyncDispose]());

/** Runs the sample order against the running platform, or against the address in `environment`. */
function runOrder(given: string[] = [], environment: Record<string, string> = {}) {
  return runProgram(process.execPath, [PROGRAM, ...given], { ORDER_URL: platform.stack.url('order'), ...environment });
}

describe('the sample order', () => {
  it('prints the order, each step once and its final status, and exits with 0', async () => {
    const { exitCode, stdout, stderr } = await runOrder();

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [first, second, ...rest] = stdout.trimEnd().split('\n');
    expect(first).toMatch(/^order [0-9a-f-]{36}: 1 x 12345 for cust123, 59\.99 EUR$/);
    expect(second).toBe('answered confirmed');
    const steps = ['create', 'reserve stock', 'process payment', 'decide', 'confirm reservation', 'finish'];
    expect(rest.slice(0, -1).map((line) => /^ {2}\d\d:\d\d:\d\d\.\d{3} {2}\+ (.+?) {2,}done/.exec(line)?.[1])).toEqual(
      steps,
    );
    expect(rest.at(-1)).toMatch(/^order [0-9a-f-]{36} is confirmed$/);
  });

  it('is placed for the given product, quantity and customer', async () => {
    const customer = randomUUID();

    const { stdout } = await runOrder(['--customer', customer, '--product', 'prod110', '--quantity', '3']);

    const { orders } = await platform.orders.listOrders({ customerId: customer });
    expect(orders).toMatchObject([{ items: [{ productId: 'prod110', quantity: 3 }], total: { minorUnits: 2_370n } }]);
    expect(stdout).toContain(`order ${orders[0]?.orderId}: 3 x prod110 for ${customer}, 23.70 EUR`);
  });

  it('is a new order at every run', async () => {
    const customer = randomUUID();

    await Promise.all([1, 2].map(() => runOrder(['--customer', customer])));

    expect((await platform.orders.listOrders({ customerId: customer })).orders).toHaveLength(2);
  });

  it("prints the provider's reason when its payment is declined", async () => {
    const { exitCode, stdout } = await runOrder(['--payment-method', 'pm_insufficient_funds']);

    expect(exitCode).toBe(0);
    expect(stdout).toContain('answered failed: payment failed');
    expect(stdout).toMatch(/- process payment +refused {2}.*Insufficient funds/);
    expect(stdout.trimEnd()).toMatch(/is failed: payment failed$/);
  });

  it('is answered before a slow payment ends, and watched to its final status', { timeout: 300_000 }, async () => {
    await using impatient = await useSharedStack('disturbed');
    // The files before may have left a breaker open.
    await vi.waitFor(
      async () => expect((await impatient.orders.createOrder(orderRequest())).outcome).toBe(Outcome.CONFIRMED),
      PATIENCE,
    );

    const environment = { ORDER_URL: impatient.stack.url('order') };
    const { exitCode, stdout } = await runOrder(['--payment-method', 'pm_slow'], environment);

    expect(exitCode).toBe(0);
    expect(stdout).toContain('answered timeout: payment timeout');
    expect(stdout).toMatch(/- process payment +retrying/);
    expect(stdout.trimEnd()).toMatch(/is confirmed$/);
  });

  it('of an unknown product prints the invalid field and exits with 1', async () => {
    const { exitCode, stdout, stderr } = await runOrder(['--product', 'unicorn']);

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('items[0].product_id: is not a product of the shop');
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each([
    [['--quantity', 'many'], '--quantity: many is not a whole number'],
    [['--quantity', '0'], 'items[0].quantity: must be at least 1, is 0'],
    [['--colour', 'red'], '--colour'],
  ])('with %j says what is wrong in one line, and places nothing', async (given, words) => {
    const customer = randomUUID();

    const { exitCode, stdout, stderr } = await runOrder(['--customer', customer, ...given]);

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(words);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect((await platform.orders.listOrders({ customerId: customer })).orders).toEqual([]);
  });

  it('prints its help with --help, and places no order', async () => {
    const customer = randomUUID();

    const { exitCode, stdout } = await runOrder(['--customer', customer, '--help']);

    expect(exitCode).toBe(0);
    for (const option of ['--product', '--quantity', '--payment-method', '--customer'])
      expect(stdout).toContain(option);
    expect((await platform.orders.listOrders({ customerId: customer })).orders).toEqual([]);
  });

  it('prints the address and how to start the platform when none is running', async () => {
    const url = `http://127.0.0.1:${await chooseFreePort()}`;

    const { exitCode, stderr } = await runOrder([], { ORDER_URL: url });

    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      `No order service at ${url}. Start the platform with \`make run\` first, in another terminal.\n`,
    );
  });

  it('finds the order service by ORDER_PORT alone', async () => {
    const { port } = new URL(platform.stack.url('order'));

    const { exitCode, stdout } = await runProgram(process.execPath, [PROGRAM], { ORDER_PORT: port });

    expect(exitCode).toBe(0);
    expect(stdout).toContain('answered confirmed');
  });

  it('names an invalid address in one line and exits with 1', async () => {
    const { exitCode, stderr } = await runOrder([], { ORDER_URL: 'the order service' });

    expect(exitCode).toBe(1);
    expect(stderr).toContain('ORDER_URL');
    expect(stderr).not.toContain('    at ');
  });
});

describe('the printed commands', () => {
  /** The printed command of a tool, whose key is the same for both runs. */
  function printedCommand(tool: string): string {
    const printed = renderCommands(platform.stack.url('order'), randomUUID);
    const command = printed.split('\n').find((line) => line.trim().startsWith(`${tool} `));
    if (command === undefined) throw new Error(`no command of ${tool} is printed`);
    return command.trim();
  }
  const sh = (command: string) => runProgram('sh', ['-c', command]);

  it('place an order by curl when pasted into a shell, and no second one when pasted again', async () => {
    const command = printedCommand('curl');

    const [first, second] = [await sh(command), await sh(command)];

    type Answer = { outcome: string; order: { orderId: string } };
    const answers = [first, second].map(({ stdout }) => JSON.parse(stdout) as Answer);
    expect(answers[0]).toMatchObject({ outcome: 'OUTCOME_CONFIRMED', order: { status: 'ORDER_STATUS_CONFIRMED' } });
    expect(answers[1]?.order.orderId).toBe(answers[0]?.order.orderId);
    await awaitOrder(platform, answers[0]?.order.orderId);
  });

  it('place an order by grpcurl when pasted into a shell', async ({ skip }) => {
    const found = await sh('command -v grpcurl');
    skip(found.exitCode !== 0, 'grpcurl is not on the PATH');

    const { exitCode, stdout } = await sh(printedCommand('grpcurl'));

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'OUTCOME_CONFIRMED' });
  });
});

describe('the printed table', () => {
  it('lists every process of the platform as healthy, with the pid of a living process and no password', async () => {
    const rows = renderTable(await platform.stack.rows())
      .split('\n')
      .slice(2);

    const parts = rows.map((row) => row.trim().split(/ {2,}/));
    expect(parts.map(([name]) => name)).toEqual([
      ...['postgres', 'nats', 'provider', 'mailbox', 'inventory', 'payment', 'notification', 'order', 'analytics'],
    ]);
    for (const [, address = '', pid = '', health] of parts) {
      expect(health).toBe('healthy');
      expect(process.kill(Number(pid), 0)).toBe(true);
      expect(address).not.toContain('@');
    }
  });
});
