// Arguments that select wires.
import { describe, expect, it } from 'vitest';
import { readWires, WIRE_IDS } from '../../../../packages/kit/command-line/common/wire-argument.ts';

describe('a wire argument', () => {
  it('has a short id', () => {
    expect(WIRE_IDS).toEqual([
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
  ])('selects one wire, or all of a protocol: $id', ({ id, names }) => {
    expect(readWires(id)).toEqual(names);
  });

  it('is refused if it selects none', () => {
    expect(() => readWires('grpc/1.1')).toThrow('It must be one of connect-json/1.1, ');
  });
});
