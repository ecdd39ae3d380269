// The rates between the latest two overviews that are far enough apart to say something.
import { useEffect, useRef, useState } from 'react';
import type { Overview } from '../model/overview.ts';
import { ratesBetween, type ServiceRates } from '../model/rates.ts';

/** Over shorter spans, a single call would look like a burst. */
const SPAN_MS = 3_000;

export function useRates(overview: Overview | undefined): readonly ServiceRates[] {
  const looks = useRef<Overview[]>([]);
  const [rates, setRates] = useState<readonly ServiceRates[]>([]);
  useEffect(() => {
    if (overview === undefined) return;
    const kept = [...looks.current.filter(({ time }) => time >= overview.time - SPAN_MS), overview];
    looks.current = kept;
    setRates(ratesBetween(kept.length > 1 ? kept[0] : undefined, overview));
  }, [overview]);
  return rates;
}
