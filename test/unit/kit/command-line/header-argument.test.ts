// Arguments that give a header.
import { describe, expect, it } from 'vitest';
import { readHeader } from '../../../../packages/kit/command-line/common/options.ts';

describe('a header argument', () => {
  it('has its name in lower case and its value as it is given', () => {
    expect(readHeader('Authorization: Bearer Secret: x')).toEqual(['authorization', 'Bearer Secret: x']);
  });

  it.each(['authorization', 'authorization:', ': secret', 'not a name: secret'])(
    'is refused without a name and a value, and not repeated: %s',
    (value) => {
      expect(() => readHeader(value)).toThrow(
        /^--header: must be a name and a value, such as "authorization: Bearer secret"$/,
      );
    },
  );
});
