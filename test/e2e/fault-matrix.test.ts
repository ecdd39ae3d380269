// A few cells of the fault matrix; `make fault-matrix` runs all of them.
import { expect, it } from 'vitest';
import { runMatrix } from '../chaos/fault-matrix/matrix.ts';
import { isGreen } from '../chaos/fault-matrix/report.ts';

it('an order under faults is answered in time with the reason, and completes when they are removed', async ({
  signal,
}) => {
  const lines: string[] = [];
  const only =
    'inventory/refuse-closed-port, payment/latency/call/down, database/reset/connection/down, nats/black-hole';
  const settings = { only, seed: 1, limitMs: 90_000, jsonFile: undefined, isListOnly: false };

  const report = await runMatrix(settings, (text) => lines.push(text), signal);

  const pending = { status: 'PENDING' };
  const response = report.results.map((result) => ({
    name: result.cell.name,
    response: result.response,
    end: result.end?.status,
  }));
  expect(response).toMatchObject([
    {
      name: 'inventory/refuse-closed-port/connection',
      response: { ...pending, outcome: 'PENDING', reason: 'INVENTORY_UNAVAILABLE' },
      end: 'CONFIRMED',
    },
    {
      name: 'payment/latency/call/down',
      response: { ...pending, outcome: 'TIMEOUT', reason: 'PAYMENT_TIMEOUT' },
      end: 'CONFIRMED',
    },
    {
      name: 'database/reset/connection/down',
      response: { code: 'Unavailable', reason: 'DATABASE_UNAVAILABLE' },
      end: 'CONFIRMED',
    },
    { name: 'nats/black-hole/connection/both', response: { outcome: 'CONFIRMED' }, end: 'CONFIRMED' },
  ]);
  expect(isGreen(report), lines.join('\n')).toBe(true);
});
