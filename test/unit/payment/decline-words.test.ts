// What is kept of the words with which the provider declines.
import { expect, it } from 'vitest';
import { settleCharge } from '#services/payment/settlement.ts';
import { createMemoryStore, createProvider, createSettlement, runFor, storedCharge } from './fakes.ts';

it.each([
  ['NUL', { code: 'bad\u0000card', message: '' }, { declineCode: 'bad\ufffdcard', declineMessage: '' }],
  [
    'escape sequences and a change of direction',
    { code: 'expired', message: '\u001b[2Jcard\u202e of\nyours' },
    { declineCode: 'expired', declineMessage: '\ufffd[2Jcard\ufffd of yours' },
  ],
  ['no code', { code: '\n', message: 'no' }, { declineCode: 'declined', declineMessage: 'no' }],
  [
    '200,000 characters',
    { code: 'c'.repeat(200_000), message: 'm'.repeat(200_000) },
    { declineCode: `${'c'.repeat(99)}…`, declineMessage: `${'m'.repeat(499)}…` },
  ],
  [
    'a payment method where the text is cut off',
    { code: 'no', message: `${'m'.repeat(495)}pm_approved` },
    { declineCode: 'no', declineMessage: `${'m'.repeat(495)}[pay…` },
  ],
])('stores a decline with %s as text that can be stored and shown', async (_name, words, stored) => {
  const provider = createProvider();
  const { dependencies } = createSettlement(createMemoryStore(storedCharge()), provider);
  provider.charge.mockResolvedValueOnce({ kind: 'declined', ...words });
  expect(await settleCharge(dependencies, 'o1', runFor(), storedCharge())).toMatchObject(stored);
});
