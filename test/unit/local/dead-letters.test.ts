import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { DeadLetterSchema } from '#gen/shop/ops/v1/ops_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import {
  type DeadLetterClient,
  parseDeadLetterArguments,
  renderDeadLetters,
  runDeadLetterCommand,
} from '#local/commands/dead-letter-client.ts';

const NOW = new Date('2026-03-01T12:00:00.000Z');
const FIRST = '11111111-1111-4111-8111-111111111111';
const SECOND = '22222222-2222-4222-8222-222222222222';
const UNKNOWN = '99999999-9999-4999-8999-999999999999';

function letter(deadLetterId: string, ageSeconds: number, change: MessageInitShape<typeof DeadLetterSchema> = {}) {
  return create(DeadLetterSchema, {
    deadLetterId,
    subject: 'shop.order.v1.OrderCreated',
    attempts: 5,
    error: 'no such product',
    createTime: timestampFromDate(new Date(NOW.getTime() - ageSeconds * 1_000)),
    ...change,
  });
}

/** A service with these dead letters, one per page, that records the calls it receives. */
function fakeService(service: string, letters: ReturnType<typeof letter>[], failure?: ConnectError) {
  const asked: string[] = [];
  const transport = createRouterTransport(({ service: register }) => {
    register(OpsService, {
      listDeadLetters({ pageToken }) {
        if (failure !== undefined) throw failure;
        const index = Number(pageToken);
        const nextPageToken = index + 1 < letters.length ? String(index + 1) : '';
        return { deadLetters: letters.slice(index, index + 1), nextPageToken };
      },
      replayDeadLetter({ deadLetterId }) {
        asked.push(`replay ${deadLetterId}`);
        return {};
      },
      discardDeadLetter({ deadLetterId }) {
        asked.push(`discard ${deadLetterId}`);
        return {};
      },
    });
  });
  const opened: DeadLetterClient = { service, url: `http://${service}`, ops: createClient(OpsService, transport) };
  return { ...opened, asked };
}

async function runCommand(services: DeadLetterClient[], ...given: string[]): Promise<string> {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  await runDeadLetterCommand(services, parseDeadLetterArguments(given), { write, now: NOW });
  return lines.join('\n');
}

describe('the arguments of dead-letters', () => {
  it.each([
    [[], { action: 'list', deadLetterId: '', service: undefined }],
    [['--replay', FIRST], { action: 'replay', deadLetterId: FIRST, service: undefined }],
    [['--discard', FIRST, '--service', 'order'], { action: 'discard', deadLetterId: FIRST, service: 'order' }],
    [['--help'], { action: 'help', deadLetterId: '', service: undefined }],
  ])('are read from %j', (given, expected) => {
    expect(parseDeadLetterArguments(given)).toEqual(expected);
  });

  it.each([
    [['--replay', FIRST, '--discard', FIRST], '--replay and --discard: pass only one of them'],
    [['--replay', 'abc'], "--replay: 'abc' is not the id of a dead letter"],
    [['--discard', ''], "--discard: '' is not the id of a dead letter"],
    [['--service', ''], '--service: must not be empty'],
    [['--purge'], '--purge'],
    [['everything'], 'everything'],
  ])('are refused, named, in %j', (given, message) => {
    expect(() => parseDeadLetterArguments(given)).toThrow(message);
  });
});

describe('the table of dead letters', () => {
  it('has one line for each with its service, attempts, age and error, oldest first', () => {
    const table = renderDeadLetters(
      [
        { service: 'order', letter: letter(FIRST, 59, { subject: 'shop.payment.v1.PaymentFailed', attempts: 1 }) },
        { service: 'inventory', letter: letter(SECOND, 7_300, { error: 'two\nlines \u001b[2J' }) },
      ],
      NOW,
    );

    expect(table.split('\n')).toEqual([
      '  service    id                                    subject                        attempts  age   error',
      `  inventory  ${SECOND}  shop.order.v1.OrderCreated     5         2 h   two lines [2J`,
      `  order      ${FIRST}  shop.payment.v1.PaymentFailed  1         59 s  no such product`,
      '',
      'Replay one with `make dead-letters REPLAY=<id>`, discard it with `make dead-letters DISCARD=<id>`.',
    ]);
  });

  it.each([
    [0, '0 s'],
    [60, '1 min'],
    [86_399, '23 h'],
    [200_000, '2 d'],
  ])('prints an age of %i seconds as %s', (seconds, age) => {
    expect(renderDeadLetters([{ service: 'order', letter: letter(FIRST, seconds) }], NOW)).toContain(`  ${age}  `);
  });

  it('truncates an error that is longer than a line', () => {
    const table = renderDeadLetters([{ service: 'order', letter: letter(FIRST, 1, { error: 'x'.repeat(500) }) }], NOW);

    expect(table.split('\n')[1]).toMatch(/ x{97}\.\.\.$/);
  });

  it('is one sentence when there are none', () => {
    expect(renderDeadLetters([], NOW)).toBe('No dead letters.');
  });
});

describe('the dead-letters command', () => {
  it('lists every page of every service', async () => {
    const table = await runCommand([
      fakeService('order', [letter(FIRST, 1), letter(SECOND, 2)]),
      fakeService('payment', [letter(UNKNOWN, 3)]),
    ]);

    expect(table).toContain(FIRST);
    expect(table).toContain(SECOND);
    expect(table).toContain(UNKNOWN);
  });

  it('finds a dead letter by its id in capital letters', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef';
    const order = fakeService('order', [letter(id, 1)]);

    await runCommand([order], '--replay', id.toUpperCase());

    expect(order.asked).toEqual([`replay ${id}`]);
  });

  it.each([
    ['replay', 'shop.order.v1.OrderCreated of inventory was applied.'],
    ['discard', 'shop.order.v1.OrderCreated of inventory was discarded.'],
  ])('calls %s on the service that holds the dead letter', async (action, message) => {
    const [order, inventory] = [
      fakeService('order', [letter(FIRST, 1)]),
      fakeService('inventory', [letter(SECOND, 1)]),
    ];

    expect(await runCommand([order, inventory], `--${action}`, SECOND.toUpperCase())).toBe(message);
    expect([order.asked, inventory.asked]).toEqual([[], [`${action} ${SECOND}`]]);
  });

  it('calls only the service given by --service', async () => {
    const services = [fakeService('order', [letter(FIRST, 1)]), fakeService('inventory', [letter(SECOND, 1)])];

    expect(await runCommand(services, '--service', 'order')).not.toContain(SECOND);
    await expect(runCommand(services, '--discard', SECOND, '--service', 'order')).rejects.toThrow(
      `No dead letter has the id ${SECOND}; searched: order.`,
    );
    for (const unknown of ['shipping', 'ord'])
      await expect(runCommand(services, '--service', unknown)).rejects.toThrow(
        `'${unknown}' is not one of order, inventory`,
      );
  });

  it('names the searched services when the id is unknown', async () => {
    const asked = fakeService('order', [letter(FIRST, 1)]);

    await expect(runCommand([asked, fakeService('payment', [])], '--discard', UNKNOWN)).rejects.toThrow(
      `No dead letter has the id ${UNKNOWN}; searched: order, payment.`,
    );
    expect(asked.asked).toEqual([]);
  });

  it('names the address that refuses connections, and how to start the platform', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const away = new ConnectError('connect ECONNREFUSED', Code.Unavailable, undefined, undefined, refused);
    // The in-memory transport drops an error's cause, so the call itself is replaced.
    const down = {
      ...fakeService('order', []),
      ops: { ...fakeService('order', []).ops, listDeadLetters: () => Promise.reject(away) },
    };

    await expect(runCommand([down])).rejects.toThrow(
      'No order service at http://order. Start the platform with `make run` first',
    );
  });

  it("prints a service's error", async () => {
    const failing = fakeService('order', [], new ConnectError('the database cannot be reached now', Code.Unavailable));

    await expect(runCommand([failing])).rejects.toThrow(
      'The order service at http://order answered [unavailable] the database cannot be reached now',
    );
  });
});
