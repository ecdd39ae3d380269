// Calls are the same when the same interactions accept them and the same bytes would answer them; of these the last are kept.
import { createContextValues } from '@connectrpc/connect';
import type { UnaryAnswer, UnaryCall } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { DecidedCalls, noteDecision } from '../../../../packages/kit/contract/decided-calls.ts';
import { InteractionBook } from '../../../../packages/kit/contract/interaction-registry.ts';
import { compileHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
import { getBook, interactionOf, registry } from './library-interactions.ts';

const forB1 = interactionOf('for b1', getBook, { bookId: 'b1' });
const forTenant = { ...forB1, description: 'tenant', metadata: compileHeaders({ 'x-tenant': 'north' }, 'metadata') };
const answer: UnaryAnswer = { status: 200, header: {}, body: [Buffer.from('{}')], trailer: undefined };

function callOf(header: UnaryCall['header'] = {}, body = '{"bookId":"b1"}'): UnaryCall {
  return { method: getBook, header: { 'content-type': 'application/json', ...header }, body: Buffer.from(body) };
}

/** Remembers that a call was answered by the first of these interactions. */
function remember(call: UnaryCall, ...[chosen = forB1, ...others]: (typeof forB1)[]) {
  const book = new InteractionBook([chosen, ...others], { registry, ignoresDeadline: true });
  const calls = new DecidedCalls(book);
  const learn = (of: UnaryCall) => {
    const values = createContextValues();
    noteDecision(values, { candidates: [chosen, ...others], chosen });
    calls.learn(of, answer, values);
  };
  learn(call);
  return { book, calls, learn };
}

describe('a call that was decided', () => {
  it('has its answer again, and exercises its interaction', () => {
    const { book, calls } = remember(callOf());

    expect(calls.recall(callOf({ 'x-request-id': 'another' }))).toBe(answer);
    expect(book.untouched()).toEqual([]);
  });

  it.each([
    { what: 'another body', call: callOf({}, '{"bookId":"b2"}') },
    { what: 'another content type', call: callOf({ 'content-type': 'application/proto' }) },
    { what: 'another compression of the request', call: callOf({ 'content-encoding': 'gzip' }) },
    { what: 'another compression of the answer', call: callOf({ 'accept-encoding': 'gzip' }) },
    { what: 'another compression in gRPC', call: callOf({ 'grpc-encoding': 'gzip' }) },
    { what: 'another compression of the answer in gRPC', call: callOf({ 'grpc-accept-encoding': 'gzip' }) },
    { what: 'a deadline that is over', call: callOf({ 'connect-timeout-ms': '0' }) },
    { what: 'a deadline that cannot be read', call: callOf({ 'grpc-timeout': 'soon' }) },
    { what: 'a deadline beyond all limits', call: callOf({ 'connect-timeout-ms': '9999999999' }) },
  ])('is not one with $what', ({ call }) => {
    expect(remember(callOf()).calls.recall(call)).toBeUndefined();
  });

  it('is left to the book when its metadata is for another interaction, or for two', () => {
    const twin = { ...forB1, description: 'twin' };
    const { calls } = remember(callOf({ 'x-tenant': 'north' }), forTenant);

    expect(calls.recall(callOf({ 'x-tenant': 'south' }))).toBeUndefined();
    expect(calls.recall(callOf({ 'x-tenant': 'north' }))).toBe(answer);
    expect(remember(callOf(), forB1, twin).calls.recall(callOf())).toBeUndefined();
  });

  it('is forgotten in other states, and was not decided when there was no interaction', () => {
    const { book, calls } = remember(callOf());
    calls.learn(callOf({}, '{}'), answer, createContextValues());

    expect(calls.recall(callOf({}, '{}'))).toBeUndefined();
    book.use([forTenant]);
    expect(calls.recall(callOf())).toBeUndefined();
  });

  it('is forgotten when a thousand others came after it', () => {
    const { calls, learn } = remember(callOf());

    for (let number = 1; number < 1000; number += 1) learn(callOf({}, `${number}`));
    expect(calls.recall(callOf())).toBe(answer);
    learn(callOf({}, '1000'));
    expect(calls.recall(callOf())).toBeUndefined();
  });
});
