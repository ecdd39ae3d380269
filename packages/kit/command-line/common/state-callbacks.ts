// Provider states that are set up by HTTP. Each state is posted to a URL in the format of Pact's verifiers, so a handler written for
// them can be used.

import type { JsonObject } from '@bufbuild/protobuf';
import { parseExactly, withoutBigints } from '../../matching/exact-json.ts';
import type { StateHandlers } from '../../verification/provider-states.ts';

export type StateCallbackOptions = {
  /** The URL to call with `POST {"state": ..., "params": {...}, "action": "setup"}`. */
  readonly url: string;
  /** Whether to call it again after the interaction, with the action `teardown`. */
  readonly withTeardown: boolean;
};

const TIMEOUT_MS = 30_000;

/**
 * Returns a handler for each of these states. An answer that is a JSON object has the values that the state has chosen.
 *
 * @throws {Error} A handler throws if the URL cannot be called or answers an error. The message names the URL and the status.
 */
export function createStateCallbacks(states: Iterable<string>, options: StateCallbackOptions): StateHandlers {
  return Object.fromEntries(
    [...states].map((state) => [
      state,
      async (params: JsonObject) => {
        const values = await postJson(options.url, { action: 'setup', params, state });
        return {
          ...(values && { values }),
          ...(options.withTeardown && { teardown: () => postJson(options.url, { action: 'teardown', params, state }) }),
        };
      },
    ]),
  );
}

/**
 * Posts JSON to a URL, and returns the object that it answers, if it does.
 *
 * @throws {Error} if the URL cannot be called or answers an error. The message names the URL and the status.
 */
export async function postJson(url: string, body: JsonObject): Promise<JsonObject | undefined> {
  const response = await send(url, body);
  // The body is read to its end, because only then can the connection be reused.
  const text = await response.text();
  if (response.ok) return readValues(text);
  const detail = text.trim() === '' ? '' : `: ${text.trim().slice(0, 200)}`;
  throw new Error(`${url} answered ${response.status}${detail}`);
}

// Pact's verifiers read values in this form too. Handlers that give none may answer whatever they like.
function readValues(text: string): JsonObject | undefined {
  try {
    const json = parseExactly(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (withoutBigints(json) as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}

async function send(url: string, body: JsonObject): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const { cause, message } = error as Error;
    throw new Error(`${url} cannot be called: ${cause instanceof Error ? cause.message : message}`, { cause: error });
  }
}
