// What a test declares is checked against the RPC while it is written.
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { contract } from '../../../../packages/kit/contract/contract.ts';
import { declareCall, declareFailure, declareReply } from '../../../../packages/kit/contract/declare-rpc.ts';
import { RefusalSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { createExampleHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
import { askLibrarian, getBook, listBooks, returnBooks } from './library-interactions.ts';

describe('a declaration', () => {
  it.each([
    { method: getBook, request: {}, response: {}, sizes: [1, 1] },
    { method: listBooks, request: {}, response: [{}, {}], sizes: [1, 2] },
    { method: returnBooks, request: [{}, {}], response: {}, sizes: [2, 1] },
    { method: askLibrarian, request: [], response: [], sizes: [0, 0] },
  ])('takes a list where the RPC streams: $method.name', ({ method, request, response, sizes }) => {
    const { requests, responses } = declareReply(declareCall('x', [], method, request), response, {});

    expect([requests.length, responses.length]).toEqual(sizes);
  });

  it('refuses a single message where the RPC streams', () => {
    expect(() => declareCall('x', [], returnBooks, {})).toThrow(
      'library.v1.LibraryService/ReturnBooks: request: a stream is a list of messages',
    );
  });

  it('names the message of a stream that is wrong', () => {
    expect(() => declareCall('x', [], returnBooks, [{}, { bookid: 'b1' }])).toThrow('request 2: bookid: ');
  });

  it('has the metadata of every step that gives some', () => {
    const { interaction } = contract('Reader', 'Library', { directory: '/nowhere' })
      .uponReceiving('x')
      .calls(getBook, {})
      .withMetadata({ 'x-tenant': 'north' })
      .withMetadata({ 'x-reader': 'r1' })
      .repliesWith({});

    expect(createExampleHeaders(interaction.metadata)).toEqual({ 'x-tenant': 'north', 'x-reader': 'r1' });
  });

  it('refuses an RPC that does not exist', () => {
    expect(() => declareCall('x', [], undefined, {})).toThrow('calls: "x" names an RPC that its service does not have');
  });

  it('keeps a plain message of an error as an example, a detail as a pattern', () => {
    const { failure } = declareFailure(declareCall('x', [], getBook, {}), Code.Aborted, 'lost', [
      { desc: RefusalSchema, value: { reason: 'LOST' } },
    ]);

    expect(failure).toMatchObject({ code: Code.Aborted, message: { kind: 'equal', example: 'lost' } });
    expect(failure?.details[0]?.pattern.fields).toHaveLength(1);
  });
});
