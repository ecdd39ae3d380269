import { describe, expect, it } from 'vitest';
import { requireSyntheticCredential, syntheticHeaders } from '#services/platform/base/synthetic.ts';

const refusal = expect.objectContaining({ kind: 'permission_denied', reason: 'SYNTHETIC_NOT_ALLOWED' });

describe('the credential of synthetic calls', () => {
  it('admits its holder', () => {
    const headers = new Headers(syntheticHeaders('a-credential-of-32-characters---'));
    expect(() => requireSyntheticCredential(headers, 'a-credential-of-32-characters---')).not.toThrow();
  });

  it.each([
    { given: undefined, wanted: 'a-credential-of-32-characters---', when: 'none is given' },
    { given: '', wanted: 'a-credential-of-32-characters---', when: 'an empty one is given' },
    {
      given: 'a-credential-of-32-character',
      wanted: 'a-credential-of-32-characters---',
      when: 'a shorter one is given',
    },
    {
      given: 'a-credential-of-32-characters---and-more',
      wanted: 'a-credential-of-32-characters---',
      when: 'a longer one that begins with it is given',
    },
    {
      given: 'more-a-credential-of-32-characters---',
      wanted: 'a-credential-of-32-characters---',
      when: 'a longer one that ends with it is given',
    },
    {
      given: 'A-Credential-of-32-characters---',
      wanted: 'a-credential-of-32-characters---',
      when: 'one in other letter case is given',
    },
    { given: 'b-credential-of-32-characters---', wanted: 'a-credential-of-32-characters---', when: 'another is given' },
    { given: 'anything', wanted: undefined, when: 'the service has none' },
    { given: undefined, wanted: undefined, when: 'there is none' },
    { given: 'undefined', wanted: undefined, when: 'a caller guesses' },
  ])('refuses when $when', ({ given, wanted }) => {
    expect(() => requireSyntheticCredential(new Headers(syntheticHeaders(given)), wanted)).toThrow(refusal);
  });
});
