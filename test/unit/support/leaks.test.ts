// The search for leaked secrets: in which forms it finds one.
import { describe, expect, it } from 'vitest';
import { findLeaks } from '../../support/leaks.ts';

const SECRET = 'pa55 wörd/+';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a leaked secret', () => {
  it.each([
    ['plain', SECRET],
    ['percent-encoded', encodeURIComponent(SECRET)],
    ['hexadecimal', Buffer.from(SECRET).toString('hex')],
    ['in base64', base64(`${SECRET} and more`)],
    ['in base64, one byte later', base64(`:${SECRET} and more`)],
    ['in base64, two bytes later', base64(`::${SECRET} and more`)],
    ['in base64, behind a user name', base64(`shop_order:${SECRET}`)],
  ])('is found %s', (_, text) => {
    expect(findLeaks({ password: SECRET }, [{ place: 'the logs', text: `before ${text} after` }])).toEqual([
      'password in the logs',
    ]);
  });

  it('is named with each place that has it, and no other', () => {
    const sights = [
      { place: 'the logs', text: 'first-secret' },
      { place: 'the mails', text: 'first, second' },
      { place: 'the events', text: 'second-secret first-secret' },
    ];

    expect(findLeaks({ first: 'first-secret', second: 'second-secret', third: 'third-secret' }, sights)).toEqual([
      'first in the logs',
      'first in the events',
      'second in the events',
    ]);
  });
});
