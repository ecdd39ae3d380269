// How long a recorded service took: the pauses before its messages and before the end of the call.

import type { RecordedExchange, RecordedMessage } from './exchange.ts';

/**
 * Returns the pauses of an exchange in milliseconds: one before each response and one before the end, each since the message before it, in
 * either direction. Returns `undefined` if the recording does not say, as one of an older recorder.
 */
export function pausesOf({ request, response, durationMs }: RecordedExchange): number[] | undefined {
  const requests = timesOf(request.messages);
  const responses = timesOf(response.messages);
  if (!requests || !responses) return undefined;
  return [...responses, durationMs].map((at, index) => {
    const earlier = [...requests.filter((time) => time <= at), ...responses.slice(0, index)];
    return Math.max(0, at - Math.max(0, ...earlier));
  });
}

function timesOf(messages: readonly RecordedMessage[]): number[] | undefined {
  const times = messages.flatMap(({ atMs }) => (atMs === undefined ? [] : [atMs]));
  return times.length === messages.length ? times : undefined;
}
