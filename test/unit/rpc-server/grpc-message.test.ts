import { expect, it } from 'vitest';
import { encodeGrpcMessage, recodeGrpcMessage } from '#packages/rpc-server/grpc-message.ts';

it.each([
  ['items[0].product_id: must be <one>; "a/b?c=d&e", 100 $', 'items[0].product_id: must be <one>; "a/b?c=d&e", 100 $'],
  ['100 % sure', '100 %25 sure'],
  ['Größe: 東', 'Gr%C3%B6%C3%9Fe: %E6%9D%B1'],
  ['two\nlines', 'two%0Alines'],
  [' at both ends ', '%20at both ends%20'],
  ['half \ud83d pair', 'half %EF%BF%BD pair'],
])('encodes only what gRPC asks to be encoded: %j', (message, encoded) => {
  expect(encodeGrpcMessage(message)).toBe(encoded);
  expect(decodeURI(encoded)).toBe(message.toWellFormed());
});

it('replaces the encoding of Connect, and leaves trailers without a message alone', () => {
  const failed = new Headers({ 'grpc-status': '3', 'grpc-message': encodeURIComponent('order_id: must be set') });
  const fine = new Headers({ 'grpc-status': '0' });

  for (const trailers of [failed, fine]) recodeGrpcMessage(trailers);

  expect(failed.get('grpc-message')).toBe('order_id: must be set');
  expect([...fine]).toEqual([['grpc-status', '0']]);
});
