import { create, type DescMessage, type DescMethod } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { createAnswerGenerator } from '#packages/kit/virtual/generated-answers.ts';
import { registry } from '../matching/odd-fields.ts';

const strict = registry.getMessage('odd.v1.Strict') as DescMessage;
const keep = {
  kind: 'rpc',
  name: 'Keep',
  methodKind: 'unary',
  input: strict,
  output: strict,
  parent: { typeName: 'odd.v1.Keeper' },
} as unknown as DescMethod;

it('an answer is generated for a request with its required fields', async () => {
  const answer = await createAnswerGenerator(registry, 1);
  const [generated] = answer(keep, [create(strict, { inner: { id: 1n } })]);
  expect(generated).toMatchObject({ $typeName: 'odd.v1.Strict', inner: { $typeName: 'odd.v1.Strict.Inner' } });
});

it.each([
  ['inner', {}],
  ['inner.id', { inner: {} }],
  ['others[1].inner', { inner: { id: 1n }, others: [{ inner: { id: 2n } }, {}] }],
])('a request without the required %s is refused as invalid', async (field, request) => {
  const answer = await createAnswerGenerator(registry, 1);
  expect(() => answer(keep, [create(strict, request)])).toThrow(
    expect.objectContaining({ code: Code.InvalidArgument, rawMessage: `${field} is required, and missing` }),
  );
});
