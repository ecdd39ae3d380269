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

it.each(['a', '\u00e9', '\u4e2d', '\u{1f600}'])(
  'leaves out the end of a message of many %j that no header can hold',
  (character) => {
    const encoded = encodeGrpcMessage(character.repeat(70_000));

    expect(encoded.length).toBeLessThanOrEqual(8192);
    expect(encoded.length).toBeGreaterThan(7000);
    expect(character.repeat(70_000).startsWith(decodeURIComponent(encoded).replace('\ufffd', ''))).toBe(true);
  },
);

it('leaves out details that no header can hold, and keeps others', () => {
  const kept = new Headers({ 'grpc-message': 'no', 'grpc-status-details-bin': 'a'.repeat(30_000) });
  const tooLong = new Headers({ 'grpc-message': 'no', 'grpc-status-details-bin': 'a'.repeat(70_000) });
  for (const trailers of [kept, tooLong]) recodeGrpcMessage(trailers);

  expect([kept.has('grpc-status-details-bin'), tooLong.has('grpc-status-details-bin')]).toEqual([true, false]);
});
