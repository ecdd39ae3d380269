// The failure of an interaction as the error that Connect sends.

import { ConnectError } from '@connectrpc/connect';
import type { Failure } from '../contract-file/interaction.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders } from '../matching/header-pattern.ts';

/** Returns the error that the consumer receives. */
export function toConnectError({ code, message, details }: Failure): ConnectError {
  const examples = details.map(({ desc, pattern }) => ({ desc, value: createExample(desc, pattern) }));
  return new ConnectError(createExampleHeaders({ message }).message ?? '', code, undefined, examples as never);
}
