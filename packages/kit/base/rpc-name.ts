// The name of an RPC in messages and files.

import type { DescMethod } from '@bufbuild/protobuf';

/** Returns the RPC's name as on the wire, such as `greet.v1.GreetService/Greet`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
