// The argument that selects wires (protocol and HTTP version): `grpc` for all of gRPC, `grpc-web/2` for one of gRPC-Web.

import { InvalidArgumentError } from 'commander';
import { type WireName, wires } from '../../verification/wire.ts';

/** The id of every wire, such as `connect-json/1.1`. */
export const WIRE_IDS: readonly string[] = wires.map(({ name }) => idOf(name));

/**
 * Returns the wires of an id, or of a protocol (the part before the slash).
 *
 * @throws {InvalidArgumentError} if there is none.
 */
export function readWires(value: string): WireName[] {
  const chosen = wires
    .map(({ name }) => name)
    .filter((name) => idOf(name) === value || idOf(name).startsWith(`${value}/`));
  if (chosen.length === 0) throw new InvalidArgumentError(`It must be one of ${WIRE_IDS.join(', ')}.`);
  return chosen;
}

function idOf(name: WireName): string {
  return name.toLowerCase().replace(', http', '').replaceAll(' ', '-');
}
