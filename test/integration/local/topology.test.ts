import { expect, it } from 'vitest';
import { INFRASTRUCTURE_PORTS, services } from '#local/shared/topology.ts';

it('gives every part of the local stack a port of its own', () => {
  const ports = [...services.map(({ defaultPort }) => defaultPort), ...Object.values(INFRASTRUCTURE_PORTS)];

  expect(new Set(ports).size).toBe(ports.length);
  expect(new Set(services.map(({ portVariable }) => portVariable)).size).toBe(services.length);
});

it('has a producer for every stream that is consumed, and nobody consumes its own', () => {
  const produced = services.flatMap(({ stream }) => (stream === undefined ? [] : [stream.name]));

  for (const { name, stream, consumes } of services) {
    expect(produced, name).toEqual(expect.arrayContaining([...consumes]));
    expect(consumes, name).not.toContain(stream?.name);
  }
});
