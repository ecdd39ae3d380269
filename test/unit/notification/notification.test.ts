// The words of a mail and the address it goes to.
import { describe, expect, it } from 'vitest';
import { mailAddressOf } from '#services/notification/mail-address.ts';
import { composeMail, isRefusal, messageIdOf } from '#services/notification/notification.ts';
import { notificationOf } from './fakes.ts';

describe('a confirmation mail', () => {
  it('tells order, items and total', () => {
    const { subject, text } = composeMail(notificationOf());
    expect(subject).toBe('Your order o1 is confirmed');
    expect(text).toContain('Order: o1\n  2 x prod456\n  1 x prod789\nTotal: 52.50 EUR\n');
  });

  it('keeps text of others from beginning a line of its own', () => {
    const { subject, text } = composeMail(
      notificationOf({ orderId: 'o1\r\nBcc: x@y.example', items: [{ productId: 'p\n\nTotal: 0', quantity: 1 }] }),
    );
    expect(subject).toBe('Your order o1 Bcc: x@y.example is confirmed');
    expect(text).toContain('\n  1 x p Total: 0\n');
  });

  it('has a Message-ID made from the notification alone', () => {
    const { notificationId } = notificationOf();
    expect(messageIdOf(notificationId)).toBe(`<${notificationId}@notification.customers.example>`);
  });
});

describe('the mail server’s reply', () => {
  it('refuses a mail for good from 500 on', () => {
    expect([undefined, 250, 421, 499, 500, 550].map(isRefusal)).toEqual([false, false, false, false, true, true]);
  });
});

describe('the address of a customer', () => {
  it.each(['cust123', 'Jane_Doe-1', 'jane.doe', 'a+b=c'])('is the id as it is: %s', (customerId) => {
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
  ])('escapes what an address cannot hold: %o', (customerId, local) => {
    expect(mailAddressOf(customerId)).toBe(`${local}@customers.example`);
  });

  it.each([
    ['.a', '%2Ea'],
    ['a.', 'a%2E'],
    ['a..b', 'a.%2Eb'],
    ['.', '%2E'],
  ])('holds a dot between other characters only: %s', (customerId, local) => {
    expect(mailAddressOf(customerId)).toBe(`${local}@customers.example`);
  });

  it('is never longer than an address may be, and still one of a kind', () => {
    const addresses = ['x'.repeat(65), 'x'.repeat(128), '@'.repeat(30), `${'x'.repeat(127)}y`].map(mailAddressOf);
    expect(new Set(addresses).size).toBe(4);
    for (const address of addresses) expect(address).toMatch(/^sha256-[0-9a-f]{48}@customers\.example$/);
    expect(mailAddressOf('x'.repeat(64))).toBe(`${'x'.repeat(64)}@customers.example`);
  });

  it('takes half a character without failing', () => {
    expect(mailAddressOf('\ud800')).toBe('%EF%BF%BD@customers.example');
  });
});
