// The content of a mail and its address.
import { describe, expect, it } from 'vitest';
import { mailAddressOf } from '#services/notification/mail-address.ts';
import { composeMail, isRefusal, messageIdOf } from '#services/notification/notification.ts';
import { notificationOf } from './fakes.ts';

describe('a confirmation mail', () => {
  it('has the order, its items and its total', () => {
    const { subject, text } = composeMail(notificationOf());
    expect(subject).toBe('Your order o1 is confirmed');
    expect(text).toBe('Thank you for your order.\n\nOrder: o1\n  2 x prod456\n  1 x prod789\nTotal: 52.50 EUR\n');
  });

  it('keeps untrusted text from starting a new line', () => {
    const { subject, text } = composeMail(
      notificationOf({ orderId: 'o1\r\nBcc: x@y.example', items: [{ productId: 'p\n\nTotal: 0', quantity: 1 }] }),
    );
    expect(subject).toBe('Your order o1 Bcc: x@y.example is confirmed');
    expect(text).toContain('\n  1 x p Total: 0\n');
  });

  it('has a Message-ID derived from the notification id', () => {
    const { notificationId } = notificationOf();
    expect(messageIdOf(notificationId)).toBe(`<${notificationId}@notification.customers.example>`);
  });
});

describe('the mail server’s reply', () => {
  it('is a permanent refusal from 500 on', () => {
    expect([undefined, 250, 421, 499, 500, 550].map(isRefusal)).toEqual([false, false, false, false, true, true]);
  });
});

describe('the address of a customer', () => {
  it.each(['cust123', 'Jane_Doe-1', 'jane.doe', 'a+b=c'])('is the unchanged id: %s', (customerId) => {
    expect(mailAddressOf(customerId)).toBe(`${customerId}@customers.example`);
  });

  it.each([
    ['a@b', 'a%40b'],
    ['a b', 'a%20b'],
    ['a%40b', 'a%2540b'],
    ['a,b;c:d', 'a%2Cb%3Bc%3Ad'],
    ['a\r\nRCPT TO:<x>', 'a%0D%0ARCPT%20TO%3A%3Cx%3E'],
    ['"a"<b>(c)', '%22a%22%3Cb%3E%28c%29'],
    ['é', '%C3%A9'],
  ])('percent-encodes characters that an address does not allow: %o', (customerId, local) => {
    expect(mailAddressOf(customerId)).toBe(`${local}@customers.example`);
  });

  it.each([
    ['.a', '%2Ea'],
    ['a.', 'a%2E'],
    ['a..b', 'a.%2Eb'],
    ['.', '%2E'],
  ])('has a dot only between other characters: %s', (customerId, local) => {
    expect(mailAddressOf(customerId)).toBe(`${local}@customers.example`);
  });

  it('never exceeds the length of an address, and stays unique', () => {
    const addresses = ['x'.repeat(65), 'x'.repeat(128), '@'.repeat(30), `${'x'.repeat(127)}y`].map(mailAddressOf);
    expect(new Set(addresses).size).toBe(4);
    for (const address of addresses) expect(address).toMatch(/^sha256-[0-9a-f]{48}@customers\.example$/);
    expect(mailAddressOf('x'.repeat(64))).toBe(`${'x'.repeat(64)}@customers.example`);
  });

  it('accepts half a surrogate pair', () => {
    expect(mailAddressOf('\ud800')).toBe('%EF%BF%BD@customers.example');
  });
});
