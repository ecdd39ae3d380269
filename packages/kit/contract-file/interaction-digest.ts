// A digest of what a consumer relies on: it tells whether a provider was verified against this or something else.

import { createHash } from 'node:crypto';
import type { InteractionJson } from './contract-document.ts';

const LENGTH = 32;

/** Returns a digest that is the same for interactions that rely on the same, whatever their descriptions are. */
export function digestOf({ providerStates = [], pluginConfiguration }: InteractionJson): string {
  const content = JSON.stringify([providerStates, pluginConfiguration?.touchstone]);
  return createHash('sha256').update(content).digest('hex').slice(0, LENGTH);
}
