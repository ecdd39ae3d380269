// The run of a chaos experiment in a few words.
import type { Tone } from './order-steps.ts';
import { formatDuration, millisecondsOf, type Time } from './times.ts';

export type Run = {
  readonly experiment: string;
  readonly running: boolean;
  readonly verdict: string;
  readonly startTime?: Time | undefined;
  readonly endTime?: Time | undefined;
};

const TONES: Readonly<Record<string, Tone>> = { upheld: 'good', skipped: 'quiet', aborted: 'wait' };

/** `now` in milliseconds since 1970. */
export function describeRun({ experiment, running, verdict, startTime, endTime }: Run, now: number) {
  const start = millisecondsOf(startTime) ?? now;
  const took = formatDuration(Math.max(0, (running ? now : (millisecondsOf(endTime) ?? now)) - start));
  const state = running ? 'running' : verdict || 'stopped';
  const tone: Tone = running ? 'wait' : (TONES[verdict] ?? (verdict === '' ? 'quiet' : 'bad'));
  return { label: `${experiment}: ${state}, ${took}`, tone };
}
