// The kit's own table of codes says what Connect says.
import { Code } from '@connectrpc/connect';
import { codeToHttpStatus, codeToString } from '@connectrpc/connect/protocol-connect';
import { expect, it } from 'vitest';
import { codeOfName, httpStatusOf, nameOfCode } from '../../../../packages/kit/contract-file/connect-code.ts';

const codes = Object.values(Code).filter((code) => typeof code === 'number');

it.each(codes)('knows code %i as Connect does, by its name and its HTTP status', (code) => {
  expect([nameOfCode(code), httpStatusOf(code)]).toEqual([codeToString(code), codeToHttpStatus(code)]);
  expect(codeOfName(nameOfCode(code))).toBe(code);
});

it('knows no code by another name', () => {
  expect(codes).toHaveLength(16);
  expect(codeOfName('NotFound')).toBeUndefined();
});
