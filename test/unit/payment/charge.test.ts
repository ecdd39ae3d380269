// The pure charge: its steps, and which repeat it answers.
import { describe, expect, it } from 'vitest';
import {
  decideCharge,
  giveUpCharge,
  matchRepeat,
  nextStep,
  recordLateRefund,
  refundCharge,
} from '#services/payment/charge.ts';
import { captured, chargeOf, declined, storedCharge } from './fakes.ts';

describe('the next step of a charge', () => {
  it('is to charge while it is open', () => {
    expect(nextStep(storedCharge())).toBe('charge');
  });

  it('is to give up, not to charge, once a refund was asked for', () => {
    expect(nextStep(storedCharge({}, { refundRequested: true }))).toBe('give_up');
  });

  it('is to refund a completed one that a refund was asked for', () => {
    expect(nextStep(storedCharge({ status: 'COMPLETED' }, { refundRequested: true }))).toBe('refund');
  });

  it('is nothing for a completed one', () => {
    expect(nextStep(storedCharge({ status: 'COMPLETED' }))).toBe('nothing');
  });

  it.each(['DECLINED', 'REFUNDED'] as const)('is nothing for one %s, refund or not', (status) => {
    expect(nextStep(storedCharge({ status }, { refundRequested: true }))).toBe('nothing');
  });
});

describe('an open charge', () => {
  it('is completed by a capture', () => {
    expect(decideCharge(chargeOf(), captured)).toMatchObject({
      status: 'COMPLETED',
      transactionId: 'ch_1',
      version: 2,
    });
  });

  it('is refunded by a capture that was given back at the provider already', () => {
    const decided = decideCharge(chargeOf(), { ...captured, refunded: true });
    expect(decided).toMatchObject({ status: 'REFUNDED', transactionId: 'ch_1', version: 2 });
  });

  it('is declined for the provider’s reasons', () => {
    expect(decideCharge(chargeOf(), declined)).toMatchObject({
      status: 'DECLINED',
      declineCode: 'insufficient_funds',
      declineMessage: 'Insufficient funds',
      transactionId: '',
      version: 2,
    });
  });

  it('is given up as refunded, without a transaction', () => {
    expect(giveUpCharge(chargeOf())).toMatchObject({ status: 'REFUNDED', transactionId: '', version: 2 });
  });

  it('has nothing to refund', () => {
    expect(() => refundCharge(chargeOf())).toThrow(RangeError);
  });
});

describe('a charge that is decided', () => {
  it.each(['COMPLETED', 'DECLINED', 'REFUNDED'] as const)('is not decided again when %s', (status) => {
    expect(() => decideCharge(chargeOf({ status }), captured)).toThrow(RangeError);
  });

  it.each(['COMPLETED', 'DECLINED', 'REFUNDED'] as const)('is not given up when %s', (status) => {
    expect(() => giveUpCharge(chargeOf({ status }))).toThrow(RangeError);
  });

  it('keeps its transaction when it is refunded', () => {
    const paid = chargeOf({ status: 'COMPLETED', transactionId: 'ch_1', version: 2 });
    expect(refundCharge(paid)).toMatchObject({ status: 'REFUNDED', transactionId: 'ch_1', version: 3 });
  });

  it.each(['DECLINED', 'REFUNDED'] as const)('has nothing to refund when %s', (status) => {
    expect(() => refundCharge(chargeOf({ status }))).toThrow(RangeError);
  });

  it('takes the transaction of a late capture when it was given up', () => {
    const givenUp = chargeOf({ status: 'REFUNDED', version: 2 });
    expect(recordLateRefund(givenUp, 'ch_9')).toMatchObject({ status: 'REFUNDED', transactionId: 'ch_9', version: 3 });
  });

  it('takes no late capture when it has a transaction or is not refunded', () => {
    expect(() => recordLateRefund(chargeOf({ status: 'REFUNDED', transactionId: 'ch_1' }), 'ch_9')).toThrow(RangeError);
    expect(() => recordLateRefund(chargeOf({ status: 'DECLINED' }), 'ch_9')).toThrow(RangeError);
  });
});

describe('a repeated request', () => {
  const request = { orderId: 'o1', requestHash: 'hash' };
  const own = { stored: storedCharge(), requestHash: 'hash' };
  const foreign = { stored: storedCharge({ orderId: 'o2' }), requestHash: 'hash' };

  it('is answered by its order’s charge when the content is the same', () => {
    expect(matchRepeat([own], request)).toBe(own.stored);
  });

  it('is refused when the content is another', () => {
    expect(matchRepeat([{ ...own, requestHash: 'other' }], request)).toBeUndefined();
  });

  it('is refused when its key charged another order', () => {
    expect(matchRepeat([foreign], request)).toBeUndefined();
  });

  it('is refused when its key charged another order, although its own order has a charge', () => {
    expect(matchRepeat([own, foreign], request)).toBeUndefined();
  });

  it('is answered by a refund that came before any charge, whatever its content', () => {
    const tombstone = { stored: storedCharge({ status: 'REFUNDED', amount: undefined }), requestHash: '' };
    expect(matchRepeat([tombstone], request)).toBe(tombstone.stored);
  });
});
