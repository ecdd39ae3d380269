import { expect, it } from 'vitest';
import { INFRASTRUCTURE_PORTS, services } from '#local/shared/topology.ts';

it('assigns a distinct port to every process of the local stack', () => {
  const ports = [...services.map(({ defaultPort }) => defaultPort), ...Object.values(INFRASTRUCTURE_PORTS)];

  expect(new Set(ports).size).toBe(ports.length);
  expect(new Set(services.map(({ portVariable }) => portVariable)).size).toBe(services.length);
});

it('has a producer for every consumed stream, and no service consumes its own', () => {
  const produced = services.flatMap(({ stream }) => (stream === undefined ? [] : [stream.name]));

  for (const { name, stream, consumes } of services) {
    expect(produced, name).toEqual(expect.arrayContaining([...consumes]));
    expect(consumes, name).not.toContain(stream?.name);
  }
});
