// Provider states set up by HTTP: each is posted to a URL of the provider's test, the way Pact's verifiers post them, so
// that a handler written for those fits.

import type { JsonObject } from '@bufbuild/protobuf';
import type { StateHandlers } from '../verification/provider-states.ts';

export interface StateCallbackOptions {
  /** What is called with `POST {"state": ..., "params": {...}, "action": "setup"}`. */
  readonly url: string;
  /** Whether it is called again after the interaction, with the action `teardown`. */
  readonly withTeardown: boolean;
}

const patienceMs = 30_000;

/** Returns a handler for each of these states. What they throw names the URL and the status it answered. */
export function createStateCallbacks(states: Iterable<string>, options: StateCallbackOptions): StateHandlers {
  return Object.fromEntries(
    [...states].map((state) => [
      state,
      async (params: JsonObject) => {
        await post(options.url, { action: 'setup', params, state });
        return options.withTeardown
          ? { teardown: () => post(options.url, { action: 'teardown', params, state }) }
          : undefined;
      },
    ]),
  );
}

async function post(url: string, body: JsonObject): Promise<void> {
  const response = await send(url, body);
  // The body is read to its end so that the connection is free again.
  const text = await response.text();
  if (response.ok) return;
  const said = text.trim() === '' ? '' : `: ${text.trim().slice(0, 200)}`;
  throw new Error(`${url} answered ${response.status}${said}`);
}

async function send(url: string, body: JsonObject): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(patienceMs),
    });
  } catch (error) {
    const { cause, message } = error as Error;
    throw new Error(`${url} cannot be called: ${cause instanceof Error ? cause.message : message}`, { cause: error });
  }
}
