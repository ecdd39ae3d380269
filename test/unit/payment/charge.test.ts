// The charge aggregate: its steps, and the duplicates it answers.
import { describe, expect, it } from 'vitest';
import {
  decideCharge,
  matchDuplicate,
  nextStep,
  recordLateRefund,
  refundCharge,
  voidCharge,
} from '#services/payment/charge.ts';
import { captured, chargeOf, declined, storedCharge } from './fakes.ts';

describe('the next step of a charge', () => {
  it('is to charge while it is open', () => {
    expect(nextStep(storedCharge())).toBe('charge');
  });

  it('is to void, not to charge, once a refund was requested', () => {
    expect(nextStep(storedCharge({}, { refundRequested: true }))).toBe('void');
  });

  it('is to refund a completed one whose refund was requested', () => {
    expect(nextStep(storedCharge({ status: 'COMPLETED' }, { refundRequested: true }))).toBe('refund');
  });

  it('is done for a completed one', () => {
    expect(nextStep(storedCharge({ status: 'COMPLETED' }))).toBe('done');
  });

  it.each(['DECLINED', 'REFUNDED', 'VOIDED', 'TOMBSTONE'] as const)(
    'is done for one %s, with or without a refund request',
    (status) => {
      expect(nextStep(storedCharge({ status }, { refundRequested: true }))).toBe('done');
    },
  );
});

describe('an open charge', () => {
  it('is completed by a capture', () => {
    expect(decideCharge(chargeOf(), captured)).toMatchObject({
      status: 'COMPLETED',
      transactionId: 'ch_1',
      version: 2,
    });
  });

  it('is refunded by a capture that the provider already refunded', () => {
    const decided = decideCharge(chargeOf(), { ...captured, refunded: true });
    expect(decided).toMatchObject({ status: 'REFUNDED', transactionId: 'ch_1', version: 2 });
  });

  it('is declined with the provider’s reason', () => {
    expect(decideCharge(chargeOf(), declined)).toMatchObject({
      status: 'DECLINED',
      declineCode: 'insufficient_funds',
      declineMessage: 'Insufficient funds',
      transactionId: '',
      version: 2,
    });
  });

  it('is voided without a transaction', () => {
    expect(voidCharge(chargeOf())).toMatchObject({ status: 'VOIDED', transactionId: '', version: 2 });
  });

  it('has nothing to refund', () => {
    expect(() => refundCharge(chargeOf())).toThrow(RangeError);
  });
});

describe('a charge that is decided', () => {
  it.each(['COMPLETED', 'DECLINED', 'REFUNDED'] as const)('is not decided again when %s', (status) => {
    expect(() => decideCharge(chargeOf({ status }), captured)).toThrow(RangeError);
  });

  it.each(['COMPLETED', 'DECLINED', 'REFUNDED'] as const)('is not voided when %s', (status) => {
    expect(() => voidCharge(chargeOf({ status }))).toThrow(RangeError);
  });

  it('keeps its transaction when it is refunded', () => {
    const paid = chargeOf({ status: 'COMPLETED', transactionId: 'ch_1', version: 2 });
    expect(refundCharge(paid)).toMatchObject({ status: 'REFUNDED', transactionId: 'ch_1', version: 3 });
  });

  it.each(['DECLINED', 'REFUNDED'] as const)('has nothing to refund when %s', (status) => {
    expect(() => refundCharge(chargeOf({ status }))).toThrow(RangeError);
  });

  it('takes the transaction of a late capture when it is voided', () => {
    const voided = chargeOf({ status: 'VOIDED', version: 2 });
    expect(recordLateRefund(voided, 'ch_9')).toMatchObject({ status: 'REFUNDED', transactionId: 'ch_9', version: 3 });
  });

  it('takes no late capture when it is refunded or declined', () => {
    expect(() => recordLateRefund(chargeOf({ status: 'REFUNDED', transactionId: 'ch_1' }), 'ch_9')).toThrow(RangeError);
    expect(() => recordLateRefund(chargeOf({ status: 'DECLINED' }), 'ch_9')).toThrow(RangeError);
  });
});

describe('a duplicate request', () => {
  const request = { orderId: 'o1', requestHash: 'hash' };
  const own = { stored: storedCharge(), requestHash: 'hash' };
  const foreign = { stored: storedCharge({ orderId: 'o2' }), requestHash: 'hash' };

  it('is answered by its order’s charge when the content is the same', () => {
    expect(matchDuplicate([own], request)).toBe(own.stored);
  });

  it('is refused when the content differs', () => {
    expect(matchDuplicate([{ ...own, requestHash: 'other' }], request)).toBeUndefined();
  });

  it('is refused when its key charged another order', () => {
    expect(matchDuplicate([foreign], request)).toBeUndefined();
  });

  it('is refused when its key charged another order, although its own order has a charge', () => {
    expect(matchDuplicate([own, foreign], request)).toBeUndefined();
  });

  it('is answered by a tombstone, whatever its content', () => {
    const tombstone = { stored: storedCharge({ status: 'TOMBSTONE', amount: undefined }), requestHash: '' };
    expect(matchDuplicate([tombstone], request)).toBe(tombstone.stored);
  });
});
