// The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the lengths of the codes determine the codes.

import { MalformedError } from './frame.ts';

// The number of bits of each byte value's code. The end-of-string symbol comes after the last one.
// biome-ignore format: a table is read in columns
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26,
];
const END_OF_STRING = 256;
const MAX_CODE_LENGTH = 30;

type CodesOfLength = {
  /** The first code of this length. The codes of `symbols` count up from it. */
  readonly first: number;
  readonly symbols: readonly number[];
};

const CODES = assignCodes([...CODE_LENGTHS, MAX_CODE_LENGTH]);

/**
 * Decodes a Huffman-coded string.
 *
 * @returns its bytes as a latin1 string.
 * @throws {MalformedError} if the bytes do not encode a string.
 */
export function decodeHuffman(bytes: Uint8Array): string {
  const decoded: number[] = [];
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = (code << 1) | ((byte >> bit) & 1);
      length += 1;
      if (length > MAX_CODE_LENGTH) throw new MalformedError('not a Huffman code');
      const { first, symbols } = CODES[length] as CodesOfLength;
      const symbol = symbols[code - first];
      if (symbol === undefined) continue;
      if (symbol === END_OF_STRING) throw new MalformedError('the end-of-string symbol inside a Huffman-coded string');
      decoded.push(symbol);
      code = 0;
      length = 0;
    }
  }
  // Valid padding is less than a byte and all ones, the prefix of the end-of-string symbol.
  if (length > 7 || code !== 2 ** length - 1) throw new MalformedError('a Huffman-coded string with bad padding');
  return Buffer.from(decoded).toString('latin1');
}

function assignCodes(lengths: readonly number[]): CodesOfLength[] {
  const assigned: CodesOfLength[] = [];
  let next = 0;
  for (let length = 0; length <= MAX_CODE_LENGTH; length += 1) {
    const symbols = [...lengths.keys()].filter((symbol) => lengths[symbol] === length);
    assigned.push({ first: next, symbols });
    next = (next + symbols.length) << 1;
  }
  return assigned;
}
