// How long the calls of each RPC take, one after another. Pure but for the calls themselves.
import { ConnectError } from '@connectrpc/connect';
import { quantile } from '../overload/figures.ts';

/** Calls of each RPC that are not counted: the processes compile, open connections and plan statements. */
export const WARM_UP_CALLS = 50;

/** One kind of request to one RPC. */
export type RpcCall = {
  /** The RPC; in parentheses the request, if there are several. */
  readonly name: string;
  /** Does what the nth request needs beforehand. Not counted. */
  readonly prepare?: (n: number) => Promise<unknown>;
  /** Sends the nth request, from 0. */
  readonly send: (n: number) => Promise<unknown>;
};

export type RpcFigures = { readonly name: string; readonly p50Ms: number; readonly p99Ms: number };

/**
 * Measures so many calls of each.
 *
 * @param now The time in milliseconds.
 * @throws {Error} a call failed; the message names the RPC.
 */
export async function measureRpcs(
  calls: readonly RpcCall[],
  count: number,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): Promise<RpcFigures[]> {
  const figures: RpcFigures[] = [];
  for (const { name, prepare, send } of calls) {
    const times: number[] = [];
    try {
      for (let n = 0; n < WARM_UP_CALLS + count; n += 1) {
        signal.throwIfAborted();
        await prepare?.(n);
        const startMs = now();
        await send(n);
        if (n >= WARM_UP_CALLS) times.push(now() - startMs);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(`${name}: ${ConnectError.from(error).message}`, { cause: error });
    }
    figures.push({ name, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) });
  }
  return figures;
}
