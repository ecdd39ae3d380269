// The ways to call a provider, by names that are easy to type: `grpc` for all of gRPC, `grpc-web/2` for one.

import { InvalidArgumentError } from 'commander';
import { type WireName, wires } from '../verification/wire.ts';

/** Every way, such as `connect-json/1.1`. */
export const wireIds: readonly string[] = wires.map(({ name }) => idOf(name));

/** Returns the ways that an id, or the part of it before the slash, stands for. @throws InvalidArgumentError for none. */
export function readWires(value: string): WireName[] {
  const chosen = wires
    .map(({ name }) => name)
    .filter((name) => idOf(name) === value || idOf(name).startsWith(`${value}/`));
  if (chosen.length === 0) throw new InvalidArgumentError(`It is none of ${wireIds.join(', ')}.`);
  return chosen;
}

function idOf(name: WireName): string {
  return name.toLowerCase().replace(', http', '').replaceAll(' ', '-');
}
