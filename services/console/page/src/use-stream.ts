// A server stream as state: the latest message, opened again when it ends or breaks.
import { useEffect, useState } from 'react';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

export type Streamed<T> = { readonly latest: T | undefined; readonly error: unknown };

/**
 * Follows the stream that `open` returns, until the component goes or `isOver` says that nothing more comes.
 * @param key What the stream is about; another key opens another stream.
 */
export function useStream<T>(
  key: string,
  open: (signal: AbortSignal) => AsyncIterable<T>,
  isOver: (message: T) => boolean = () => false,
): Streamed<T> {
  const [state, setState] = useState<Streamed<T> & { readonly key: string }>({
    key,
    latest: undefined,
    error: undefined,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for what `open` and `isOver` are about.
  useEffect(() => {
    const leaving = new AbortController();
    void follow(open, isOver, leaving.signal, (change) => setState((known) => ({ ...blank(known, key), ...change })));
    return () => leaving.abort();
  }, [key]);
  return state.key === key ? state : { latest: undefined, error: undefined };
}

function blank<T>(known: Streamed<T> & { readonly key: string }, key: string) {
  return known.key === key ? known : { key, latest: undefined, error: undefined };
}

async function follow<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  isOver: (message: T) => boolean,
  signal: AbortSignal,
  report: (change: Partial<Streamed<T>>) => void,
): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      for await (const latest of open(signal)) {
        report({ latest, error: undefined });
        pauseMs = FIRST_PAUSE_MS;
        if (isOver(latest)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      report({ error });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
