import { describe, expect, it, vi } from 'vitest';
import { type Connection, Connections } from '#packages/rpc-server/limits/connections.ts';

/** Connections under these limits, each named by the port of its peer. */
function createConnections({ maxConnections = 100, maxConnectionsPerPeer = 100 }) {
  const refused: string[] = [];
  const destroyed: number[] = [];
  const connections = new Connections({ maxConnections, maxConnectionsPerPeer }, (limit) => refused.push(limit));
  const response = { headersSent: false };
  const add = (remotePort: number, remoteAddress: string | undefined = '127.0.0.1'): Connection | undefined =>
    connections.add({ remoteAddress, remotePort, destroy: () => destroyed.push(remotePort) });
  return { connections, add, response, refused, destroyed };
}

describe('the connections of a port', () => {
  it('close the one that is idle longest in favour of a new one', () => {
    const { add, response, destroyed, refused } = createConnections({ maxConnections: 3 });
    const [first] = [add(1), add(2), add(3)];
    first?.begin(response);
    first?.end(response);

    expect(add(4)).toBeDefined();
    expect(add(5)).toBeDefined();

    expect(destroyed).toEqual([2, 3]);
    expect(refused).toEqual(['connections', 'connections']);
  });

  it('refuse a new one while all have a call', () => {
    const { add, response, destroyed } = createConnections({ maxConnections: 2 });
    for (const connection of [add(1), add(2)]) connection?.begin(response);

    expect(add(3)).toBeUndefined();
    expect(destroyed).toEqual([]);
  });

  it('count each peer by itself', () => {
    const { add, destroyed, refused } = createConnections({ maxConnectionsPerPeer: 2 });
    add(1, '10.0.0.1');
    add(2, '10.0.0.2');
    add(3, '10.0.0.2');

    add(4, '10.0.0.2');
    add(5, '10.0.0.1');

    expect(destroyed).toEqual([2]);
    expect(refused).toEqual(['peer_connections']);
  });

  it('have room again when one is closed', () => {
    const { add, connections, response, destroyed } = createConnections({
      maxConnections: 1,
      maxConnectionsPerPeer: 1,
    });
    const first = add(1)!;
    first.begin(response);
    connections.remove(first);
    first.end(response);

    expect(add(2)).toBeDefined();
    expect(destroyed).toEqual([]);
  });

  it('stay idle-free of one that ends its calls after it was closed', () => {
    const { add, connections, response, destroyed } = createConnections({ maxConnections: 2 });
    const closed = add(1)!;
    closed.begin(response);
    connections.remove(closed);
    closed.end(response);
    add(2);
    add(3);

    add(4);

    expect(destroyed).toEqual([2]);
  });

  it('refuse one whose peer is gone already', () => {
    const destroy = vi.fn();

    expect(createConnections({}).connections.add({ remoteAddress: undefined, destroy })).toBeUndefined();
  });
});
