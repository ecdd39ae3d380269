// How a charge's states are stored, and which charge answers a request.
import { expect, it } from 'vitest';
import {
  type ChargeStatus,
  matchDuplicate,
  type StoredStatus,
  toCharge,
  toStoredStatus,
} from '#services/payment/charge.ts';
import { chargeOf, storedCharge } from './fakes.ts';

const euros = { currencyCode: 'EUR', minorUnits: 5999n };

it.each<{ status: StoredStatus; transactionId: string; amount: typeof euros | undefined; read: ChargeStatus }>([
  { status: 'CHARGING', transactionId: '', amount: euros, read: 'CHARGING' },
  { status: 'COMPLETED', transactionId: 'ch_1', amount: euros, read: 'COMPLETED' },
  { status: 'DECLINED', transactionId: '', amount: euros, read: 'DECLINED' },
  { status: 'REFUNDED', transactionId: 'ch_1', amount: euros, read: 'REFUNDED' },
  { status: 'REFUNDED', transactionId: '', amount: euros, read: 'VOIDED' },
  { status: 'REFUNDED', transactionId: '', amount: undefined, read: 'TOMBSTONE' },
])(
  'a row $status with transaction "$transactionId" and amount $amount is read as $read and stored as it was',
  (row) => {
    const { status, transactionId, amount, read } = row;

    const charge = toCharge({ ...chargeOf(), status, transactionId, amount });

    expect(charge).toEqual(chargeOf({ status: read, transactionId, amount }));
    expect(toStoredStatus(read)).toBe(status);
  },
);

it('a request is answered by no charge when neither its order nor its key has one', () => {
  expect(matchDuplicate([], { orderId: 'o1', requestHash: 'hash' })).toBeUndefined();
});

it('a request whose key belongs to another order is refused, wherever that charge is in the list', () => {
  const own = { stored: storedCharge(), requestHash: 'hash' };
  const foreign = { stored: storedCharge({ orderId: 'o2' }), requestHash: 'hash' };

  expect(matchDuplicate([foreign, own], { orderId: 'o1', requestHash: 'hash' })).toBeUndefined();
});
