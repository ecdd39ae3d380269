// The verdicts about the invariants, summed up.
import { VerdictState } from '#gen/local/control/v1/control_pb.ts';
import type { Tone } from './order-steps.ts';

/** All verdicts in a few words: what is violated before what is unknown. */
export function describeVerdicts(verdicts: readonly { readonly state: VerdictState }[]): { text: string; tone: Tone } {
  const count = (wanted: VerdictState) => verdicts.filter(({ state }) => state === wanted).length;
  const violated = count(VerdictState.VIOLATED);
  const unknown = count(VerdictState.UNKNOWN);
  if (violated > 0) return { text: `${violated} of ${verdicts.length} violated`, tone: 'bad' };
  if (unknown > 0) return { text: `${unknown} of ${verdicts.length} wait for work in flight`, tone: 'wait' };
  return { text: `all ${verdicts.length} hold`, tone: 'good' };
}

/** `charged-once` is `Charged once`. */
export function invariantTitle(name: string): string {
  const words = name.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
