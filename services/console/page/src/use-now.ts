// The current time, for ages that grow while one looks at them.
import { useEffect, useState } from 'react';

/** Milliseconds since 1970, every `periodMs`. */
export function useNow(periodMs = 1_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), periodMs);
    return () => clearInterval(timer);
  }, [periodMs]);
  return now;
}
