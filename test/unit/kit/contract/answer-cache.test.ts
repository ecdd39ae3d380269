// A cached answer is sent again for the same request bytes and the same protocol headers; only the newest entries are kept.
import { createContextValues } from '@connectrpc/connect';
import type { UnaryAnswer, UnaryCall } from '@touchstone/rpc-server';
import { describe, expect, it } from 'vitest';
import { AnswerCache, recordMatch } from '../../../../packages/kit/contract/answer-cache.ts';
import { InteractionRegistry } from '../../../../packages/kit/contract/interaction-registry.ts';
import { compileHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
import { getBook, interactionOf, registry } from './library-interactions.ts';

const forB1 = interactionOf('for b1', getBook, { bookId: 'b1' });
const forTenant = { ...forB1, description: 'tenant', metadata: compileHeaders({ 'x-tenant': 'north' }, 'metadata') };
const answer: UnaryAnswer = { status: 200, header: {}, body: [Buffer.from('{}')], trailer: undefined };

function callOf(header: UnaryCall['header'] = {}, body = '{"bookId":"b1"}'): UnaryCall {
  return { method: getBook, header: { 'content-type': 'application/json', ...header }, body: Buffer.from(body) };
}

/** Caches the answer to a call that matched the first of these interactions. */
function cacheAnswer(call: UnaryCall, ...[interaction = forB1, ...others]: (typeof forB1)[]) {
  const interactions = new InteractionRegistry([interaction, ...others], { registry, ignoresDeadline: true });
  const cache = new AnswerCache(interactions);
  const learn = (of: UnaryCall) => {
    const values = createContextValues();
    recordMatch(values, { candidates: [interaction, ...others], interaction });
    cache.learn(of, answer, values);
  };
  learn(call);
  return { interactions, cache, learn };
}

describe('a cached call', () => {
  it('gets the same answer again, and exercises its interaction', () => {
    const { interactions, cache } = cacheAnswer(callOf());

    expect(cache.recall(callOf({ 'x-request-id': 'another' }))).toBe(answer);
    expect(interactions.unexercised()).toEqual([]);
  });

  it.each([
    { what: 'another body', call: callOf({}, '{"bookId":"b2"}') },
    { what: 'another content type', call: callOf({ 'content-type': 'application/proto' }) },
    { what: 'another compression of the request', call: callOf({ 'content-encoding': 'gzip' }) },
    { what: 'another compression of the answer', call: callOf({ 'accept-encoding': 'gzip' }) },
    { what: 'another compression in gRPC', call: callOf({ 'grpc-encoding': 'gzip' }) },
    { what: 'another compression of the answer in gRPC', call: callOf({ 'grpc-accept-encoding': 'gzip' }) },
    { what: 'an expired deadline', call: callOf({ 'connect-timeout-ms': '0' }) },
    { what: 'a deadline that cannot be parsed', call: callOf({ 'grpc-timeout': 'soon' }) },
    { what: 'a deadline longer than the protocol allows', call: callOf({ 'connect-timeout-ms': '9999999999' }) },
  ])('is another call with $what', ({ call }) => {
    expect(cacheAnswer(callOf()).cache.recall(call)).toBeUndefined();
  });

  it('is matched by its metadata each time, and has no cached answer when that matches another interaction or two', () => {
    const twin = { ...forB1, description: 'twin', responses: [] };
    const { cache } = cacheAnswer(callOf({ 'x-tenant': 'north' }), forTenant);

    expect(cache.recall(callOf({ 'x-tenant': 'south' }))).toBeUndefined();
    expect(cache.recall(callOf({ 'x-tenant': 'north' }))).toBe(answer);
    expect(cacheAnswer(callOf(), forB1, twin).cache.recall(callOf())).toBeUndefined();
  });

  it('is evicted when the interactions change, and is not cached when it matched none', () => {
    const { interactions, cache } = cacheAnswer(callOf());
    cache.learn(callOf({}, '{}'), answer, createContextValues());

    expect(cache.recall(callOf({}, '{}'))).toBeUndefined();
    interactions.use([forTenant]);
    expect(cache.recall(callOf())).toBeUndefined();
  });

  it('is evicted after a thousand newer ones', () => {
    const { cache, learn } = cacheAnswer(callOf());

    for (let number = 1; number < 1000; number += 1) learn(callOf({}, `${number}`));
    expect(cache.recall(callOf())).toBe(answer);
    learn(callOf({}, '1000'));
    expect(cache.recall(callOf())).toBeUndefined();
  });
});
