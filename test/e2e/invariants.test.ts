// The invariants of a real platform after a mixed load, and the output of the checker and the operator's commands on a violation.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTokens } from '../support/identity/credentials.ts';
import type { AcknowledgedOrder, InvariantSources, OrderFact } from '../support/invariants/facts.ts';
import {
  acknowledgedOrder,
  checkInvariants,
  collectFacts,
  listViolations,
  sourcesOf,
  waitForQuiescence,
} from '../support/invariants/invariants.ts';
import { PATIENT_DATABASE } from '../support/patience.ts';
import {
  awaitOrder,
  type OrderRequest,
  orderRequest,
  publishUnreadable,
  runProgram,
  startTestStack,
  type TestStack,
} from '../support/stack.ts';

// The call times out long before a slow capture, so there is time to cancel the order.
const SETTINGS = {
  ORDER_BUDGET_MS: '1000',
  PAYMENT_PROVIDER_SLOW_CAPTURE_MS: '3000',
  PAYMENT_SETTLE_AFTER_MS: '500',
  ...PATIENT_DATABASE,
};
const CONCURRENCY = 8;

describe('the invariants', () => {
  let platform: TestStack;
  let sources: InvariantSources;
  let orders: readonly OrderFact[];
  const acknowledged: AcknowledgedOrder[] = [];
  const orderThatIs = (status: OrderFact['status']): string => orders.find((order) => order.status === status)!.orderId;

  beforeAll(async () => {
    platform = await startTestStack(SETTINGS);
    sources = sourcesOf(platform.stack);
    acknowledged.push(...(await placeMixedLoad(platform)));
    for (const [productId, delta] of [
      ['prod101', 5],
      ['prod102', 7],
    ] as const)
      await platform.inventory.adjustStock({ idempotencyKey: randomUUID(), productId, delta });
    await waitForQuiescence(sources, { timeoutMs: 60_000 });
    orders = (await collectFacts(sources)).orders;
  });
  afterAll(() => platform?.[Symbol.asyncDispose]());

  it('hold after confirmed, declined, short, cancelled, refunded and duplicate orders', async () => {
    const verdicts = await checkInvariants(sources, { acknowledged });

    expect(listViolations(verdicts)).toEqual([]);
    expect(verdicts.map(({ state }) => state)).not.toContain('unknown');
    const counts = Object.fromEntries(verdicts.map(({ name, counts }) => [name, counts]));
    expect(counts['nothing-held']).toEqual({ 'failed orders': 16, 'cancelled orders': 6, 'refunded orders': 4 });
    expect(counts['nothing-orphaned']).toMatchObject({ orders: 60, charges: 38 + 8 + 6 });
    expect(counts['stock-conserved']).toMatchObject({ adjusted: 12 });
    expect(counts['mailed-once']).toMatchObject({ 'sold orders': 38, 'Message-IDs': 38 });
    expect(counts['answers-durable']).toMatchObject({ answers: acknowledged.length, orders: 60 });
  });

  it('name the order whose notification is missing, also by the command, which exits with 1', async () => {
    const orderId = orderThatIs('CONFIRMED');
    await using database = await openDatabase(platform.stack.databaseUrl('notification'));
    const [row] = await database.query(
      'delete from notification where order_id = $1 returning notification::text as row',
      [orderId],
    );
    await using _restored = {
      [Symbol.asyncDispose]: async () => {
        await database.query('insert into notification select ($1::notification).*', [row?.row]);
      },
    };

    const verdicts = await checkInvariants(sources, { acknowledged });
    const command = await runCommand('../support/verify.ts', [], settingsOf(platform));

    expect(listViolations(verdicts)).toEqual([`notified-once: ${orderId} has 0 notifications`]);
    expect(command.exitCode).toBe(1);
    expect(command.output).toMatch(/notified-once +VIOLATED/);
    expect(command.output).toContain(`- ${orderId}  has 0 notifications`);
  });

  it('name the sum of analytics that is not that of its rows', async () => {
    await using database = await openDatabase(platform.stack.databaseUrl('analytics'));
    const add = (orders: number) =>
      database.query(`update step_sum set orders = orders + $1 where unit = 'day' and step = 'CANCELLED'`, [orders]);
    await add(1);
    await using _restored = {
      [Symbol.asyncDispose]: async () => {
        await add(-1);
      },
    };

    const violations = listViolations(await checkInvariants(sources, { acknowledged }));

    expect(violations).toEqual(['sales-sums: day: orders CANCELLED is kept as 7, but the rows add up to 6']);
  });

  it('name a captured charge of a failed order', async () => {
    const orderId = orderThatIs('FAILED');
    const amount = { currency_code: 'EUR', minor_units: 1 };
    const charge = { order_id: orderId, customer_id: 'cust123', amount, payment_method: 'pm_approved' };
    const { id } = (await postToProvider('charges', charge)) as { id: string };
    await using _refunded = {
      [Symbol.asyncDispose]: async () => {
        await postToProvider('refunds', { charge_id: id });
      },
    };

    const violations = listViolations(await checkInvariants(sources, { acknowledged }));

    expect(violations).toContain(`money-captured: ${orderId} 0.01 EUR captured, nothing due`);
    expect(violations).toContain(`nothing-held: ${orderId} FAILED, but the provider keeps charge ${id}`);
  });

  it('name a dead letter, until the operator discards it', async () => {
    const eventId = randomUUID();
    await publishUnreadable(platform.stack.natsUrl('admin'), eventId);
    const tokens = createTokens(platform.stack.identitySeed());
    const settings = { ...settingsOf(platform), TOKEN: await tokens('operator', 'op1') };
    const deadLetters = (...given: string[]) => runCommand('../../local/commands/dead-letters.ts', given, settings);

    // Each consumer of the stream stores its own dead letter.
    for (const reader of ['inventory', 'analytics'])
      await expect.poll(async () => (await deadLetters()).output, { timeout: 15_000 }).toContain(reader);
    const violated = listViolations(await checkInvariants(sources, { acknowledged }));
    const letterOf = (reader: string) =>
      new RegExp(`^no-dead-letters: (\\S+) ${reader} could not apply`, 'm').exec(violated.join('\n'))?.[1] ?? '';
    const deadLetterId = letterOf('inventory');
    const listed = await deadLetters();
    const replayed = await deadLetters('--replay', deadLetterId);
    const discarded = await deadLetters('--discard', deadLetterId);
    const again = await deadLetters('--discard', deadLetterId);
    await deadLetters('--discard', letterOf('analytics'));

    expect(violated).toHaveLength(2);
    expect(listed).toMatchObject({ exitCode: 0, output: expect.stringContaining(deadLetterId) });
    expect(replayed).toMatchObject({ exitCode: 1, output: expect.stringContaining('still cannot be applied') });
    expect(discarded).toMatchObject({ exitCode: 0, output: expect.stringContaining('discarded') });
    expect(again).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining(`No dead letter has the id ${deadLetterId}`),
    });
    const command = await runCommand('../support/verify.ts', [], settings);
    expect(command).toMatchObject({ exitCode: 0, output: expect.stringContaining('0 violated') });
  });

  it('cannot be judged by the command without a platform: it exits with 2', async () => {
    const unused = { ...settingsOf(platform), NATS_URL: 'nats://admin:secret@127.0.0.1:9' };

    const command = await runCommand('../support/verify.ts', [], unused);

    expect(command.exitCode).toBe(2);
    expect(command.output).toContain('the broker at 127.0.0.1:9');
    expect(command.output).toContain('make run');
    expect(command.output).not.toContain('secret');
  });

  async function postToProvider(path: string, body: object): Promise<unknown> {
    const response = await fetch(`${sources.providerUrl}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
    return await response.json();
  }
});

/** Places sixty orders, ten of them by three concurrent calls with the same key. Returns the acknowledged orders. */
async function placeMixedLoad(platform: TestStack): Promise<AcknowledgedOrder[]> {
  const product = (productId: string, quantity: number) => ({ items: [{ productId, quantity }] });
  const both = { items: [...product('prod102', 1).items, ...product('prod107', 2).items] };
  // A call that fails, as one that has not ended within the short budget, is retried with the same key or order.
  const retried = <T>(call: () => Promise<T>): Promise<T> => vi.waitFor(call, { timeout: 30_000, interval: 250 });
  const place = async (overrides: Partial<OrderRequest>): Promise<AcknowledgedOrder> => {
    const request = orderRequest(overrides);
    const answer = await retried(() => platform.orders.createOrder(request));
    return acknowledgedOrder(request.idempotencyKey, answer);
  };
  const duplicate = async (overrides: Partial<OrderRequest>): Promise<AcknowledgedOrder[]> => {
    const idempotencyKey = randomUUID();
    return await Promise.all([1, 2, 3].map(() => place({ ...overrides, idempotencyKey })));
  };
  const cancel = async (): Promise<AcknowledgedOrder[]> => {
    const first = await place({ ...product('prod108', 1), paymentMethod: 'pm_slow' });
    const charges = `${platform.stack.url('provider')}/v1/charges?order_id=${first.orderId}`;
    // From here the provider captures the money even if the call is cancelled.
    const findPending = async () => expect(await (await fetch(charges)).text()).toContain('pending');
    await vi.waitFor(findPending, { timeout: 10_000, interval: 50 });
    await retried(() => platform.orders.cancelOrder({ orderId: first.orderId }));
    return [first, { ...first, status: 'CANCELLED', outcome: 'FAILED' }];
  };
  const refund = async (): Promise<AcknowledgedOrder[]> => {
    const bought = await place(both);
    const { orderId } = await awaitOrder(platform, bought.orderId);
    await retried(() => platform.orders.refundOrder({ orderId }));
    return [bought, { ...bought, status: 'REFUNDED' }];
  };
  const calls = [
    ...Array(6).fill(cancel),
    ...Array(4).fill(refund),
    ...Array(24).fill(() => place(both)),
    ...Array(10).fill(() => duplicate(product('prod112', 1))),
    ...Array(8).fill(() => place({ ...product('prod101', 1), paymentMethod: 'pm_insufficient_funds' })),
    ...Array(8).fill(() => place(product('prod106', 41))),
  ].values();
  const answers: AcknowledgedOrder[] = [];
  const work = async (): Promise<void> => {
    for (const call of calls) answers.push(...[await call()].flat());
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return answers;
}

async function openDatabase(connectionString: string) {
  const client = new Client({ connectionString });
  await client.connect();
  return {
    query: async (text: string, values: unknown[]) => (await client.query<Record<string, unknown>>(text, values)).rows,
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** Returns the settings with which the commands find this platform. */
function settingsOf({ stack }: TestStack): Record<string, string> {
  const settings: Record<string, string> = {
    NATS_URL: stack.natsUrl('admin'),
    PAYMENT_PROVIDER_URL: stack.url('provider'),
    MAILBOX_HTTP_PORT: new URL(stack.url('mailbox')).port,
  };
  for (const service of stack.services) {
    settings[`${service.toUpperCase()}_PORT`] = new URL(stack.url(service)).port;
    settings[`${service.toUpperCase()}_DATABASE_URL`] = stack.databaseUrl(service);
  }
  return settings;
}

async function runCommand(file: string, given: string[], settings: Record<string, string>) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { exitCode, stdout, stderr } = await runProgram(process.execPath, [path, ...given], settings);
  return { exitCode, output: stdout + stderr };
}
