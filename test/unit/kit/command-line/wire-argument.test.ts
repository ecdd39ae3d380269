// The ways to call a provider, as they are typed.
import { describe, expect, it } from 'vitest';
import { readWires, wireIds } from '../../../../packages/kit/command-line/wire-argument.ts';

describe('a way to call', () => {
  it('has a name that is easy to type', () => {
    expect(wireIds).toEqual([
      'connect-json/1.1',
      'connect-json/2',
      'connect-binary/1.1',
      'connect-binary/2',
      'grpc/2',
      'grpc-web/1.1',
      'grpc-web/2',
    ]);
  });

  it.each([
    { id: 'grpc', names: ['gRPC, HTTP/2'] },
    { id: 'grpc-web', names: ['gRPC-Web, HTTP/1.1', 'gRPC-Web, HTTP/2'] },
    { id: 'connect-json/1.1', names: ['Connect JSON, HTTP/1.1'] },
  ])('is one, or all of a protocol: $id', ({ id, names }) => {
    expect(readWires(id)).toEqual(names);
  });

  it('is refused when there is none of that name', () => {
    expect(() => readWires('grpc/1.1')).toThrow('It is none of connect-json/1.1, ');
  });
});
