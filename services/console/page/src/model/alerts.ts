// What /console/alerts answers, and how it is shown.
import type { Tone } from './order-steps.ts';

export type Alert = {
  readonly name: string;
  readonly severity: string;
  readonly expression: string;
  readonly action: string;
  readonly state: 'firing' | 'pending' | 'quiet' | 'not_judged';
  readonly holdMs: number;
  readonly windowMs: number;
  readonly knownMs: number;
  readonly instances: readonly { readonly summary: string; readonly firing: boolean; readonly heldMs: number }[];
};

const ORDER: readonly Alert['state'][] = ['firing', 'pending', 'quiet', 'not_judged'];

/** Those that need a person first; else in the order of the rules. */
export function sortAlerts(alerts: readonly Alert[]): Alert[] {
  return alerts.toSorted((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
}

/** All alerts in a few words. */
export function summariseAlerts(alerts: readonly Alert[]): { readonly text: string; readonly tone: Tone } {
  const count = (wanted: Alert['state']) => alerts.filter(({ state }) => state === wanted).length;
  const judged = alerts.length - count('not_judged');
  if (count('firing') > 0) return { text: `${count('firing')} of ${judged} firing`, tone: 'bad' };
  if (count('pending') > 0) return { text: `${count('pending')} of ${judged} pending`, tone: 'wait' };
  return { text: `none of ${judged} firing`, tone: 'good' };
}
