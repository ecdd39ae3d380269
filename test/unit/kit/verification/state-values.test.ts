// Values of provider states in every place of a message that a contract can name.
import type { JsonObject } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { declareCall, declareReply } from '../../../../packages/kit/contract/declare-rpc.ts';
import { LibraryService, LoanSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createExample } from '../../../../packages/kit/matching/example-message.ts';
import { createExampleHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
import {
  anything,
  eachLike,
  fromState,
  packed,
  present,
  unordered,
} from '../../../../packages/kit/matching/matchers.ts';
import { readPattern } from '../../../../packages/kit/matching/read-pattern.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { writePattern } from '../../../../packages/kit/matching/write-pattern.ts';
import { withStateValues } from '../../../../packages/kit/verification/state-values.ts';

const { getBook } = LibraryService.method;
const registry = createTypeRegistry([LibraryService]);
const value = fromState('who', 'Ada');

/** The book that is expected when a state has given these values, after the contract was written and read. */
function expectedBook(book: object, values: JsonObject): object {
  const interaction = declareReply(declareCall('x', [], getBook, {}), { book }, {});
  const [pattern] = interaction.responses.map((response) =>
    readPattern(getBook.output, writePattern(response, registry), registry),
  );
  if (!pattern) throw new Error('there is no response');
  const { responses } = withStateValues({ ...interaction, responses: [pattern] }, values, registry);
  const [message] = responses.map((response) => createExample(getBook.output, response));
  return (message as unknown as { book: object }).book;
}

describe('a value of a provider state', () => {
  it.each([
    { where: 'a field', book: { title: value }, is: { title: 'Eve' } },
    { where: 'a message', book: { authors: [{ name: value }] }, is: { authors: [{ name: 'Eve' }] } },
    { where: 'every element of a list', book: { keywords: eachLike(value) }, is: { keywords: ['Eve'] } },
    { where: 'a list in any order', book: { keywords: unordered([value, 'x']) }, is: { keywords: ['Eve', 'x'] } },
    {
      where: 'a map',
      book: { contributors: { editor: { name: value } } },
      is: { contributors: { editor: { name: 'Eve' } } },
    },
    { where: 'a oneof', book: { place: { case: 'shelf', value } }, is: { place: { case: 'shelf', value: 'Eve' } } },
    { where: 'a wrapper', book: { publisher: value }, is: { publisher: 'Eve' } },
  ])('takes the place of the example in $where', ({ book, is }) => {
    expect(expectedBook(book, { who: 'Eve' })).toMatchObject(is);
  });

  it('is in a packed message', () => {
    const book = expectedBook({ attachment: packed(LoanSchema, { memberId: value }) }, { who: 'Eve' });

    expect(JSON.stringify([...(book as { attachment: { value: Uint8Array } }).attachment.value])).toBe(
      '[10,3,69,118,101]',
    );
  });

  it.each(['responseHeaders', 'responseTrailers'] as const)('takes the place of the example in the %s', (place) => {
    const reply = { headers: { 'x-by': value }, trailers: { 'x-by': value } };
    const interaction = declareReply(declareCall('x', [], getBook, {}), {}, reply);

    const patterns = withStateValues(interaction, { who: 'Eve' }, registry)[place];

    expect(createExampleHeaders(patterns)).toEqual({ 'x-by': 'Eve' });
  });

  it('leaves the example where it has another name, and what accepts everything as it is', () => {
    expect(expectedBook({ title: value, subtitle: present('x') }, { whom: 'Eve' })).toMatchObject({ title: 'Ada' });
    expect(expectedBook({ title: anything('x') }, { who: 'Eve' })).toMatchObject({ title: 'x' });
  });

  it('that is none of its field is an error with its path', () => {
    const book = { catalogueNumber: fromState('who', 5n) };

    expect(() => expectedBook(book, { who: 'Eve' })).toThrow('book.catalogueNumber: "Eve" is no value of');
  });

  it('has a name', () => {
    expect(() => fromState('', 'x')).toThrow('fromState: the name of the value is empty');
  });
});
