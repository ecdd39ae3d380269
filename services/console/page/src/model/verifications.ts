// What /console/verifications answers, and how it is shown.
import type { Tone } from './order-steps.ts';

export type VerifiedPair = {
  readonly consumer: string;
  readonly provider: string;
  readonly interactions: number;
  readonly honoured: number;
  readonly broken: readonly string[];
  readonly evidence: 'current' | 'changed' | 'none';
  /** ISO 8601; null for one that was not verified. */
  readonly time: string | null;
};

/** The result of one pair in a few words. */
export function describePair(pair: VerifiedPair): { readonly label: string; readonly tone: Tone } {
  const { interactions, honoured, broken, evidence } = pair;
  if (evidence === 'none') return { label: 'not verified', tone: 'quiet' };
  if (evidence === 'changed') return { label: 'changed since', tone: 'wait' };
  if (broken.length > 0) return { label: 'broken', tone: 'bad' };
  if (honoured < interactions) return { label: 'in part', tone: 'wait' };
  return { label: 'honoured', tone: 'good' };
}

/** All pairs in a few words. */
export function summarisePairs(pairs: readonly VerifiedPair[]): { readonly label: string; readonly tone: Tone } {
  const tones = pairs.map((pair) => describePair(pair).tone);
  const count = (wanted: Tone) => tones.filter((tone) => tone === wanted).length;
  if (count('bad') > 0) return { label: `${count('bad')} of ${pairs.length} broken`, tone: 'bad' };
  if (count('good') === pairs.length) return { label: `all ${pairs.length} honoured`, tone: 'good' };
  return { label: `${count('good')} of ${pairs.length} honoured`, tone: 'wait' };
}

/** Whether `make test-contract` has something to say that is not known yet. */
export function needsVerification(pairs: readonly VerifiedPair[]): boolean {
  return pairs.some((pair) => ['quiet', 'wait'].includes(describePair(pair).tone));
}
