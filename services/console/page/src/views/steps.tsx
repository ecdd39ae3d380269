// The steps of an order as a waterfall.
import { type Entry, stepRows, type Tone } from '../model/order-steps.ts';
import { formatDuration } from '../model/times.ts';

const TONES: Readonly<Record<'done' | 'refused' | 'retrying', Tone>> = {
  done: 'good',
  refused: 'bad',
  retrying: 'wait',
};
const WORDS = { done: 'done', refused: 'refused', retrying: 'tried again' } as const;

export function Steps({
  timeline,
  compact = false,
}: {
  readonly timeline: readonly Entry[];
  readonly compact?: boolean;
}) {
  return (
    <ol className={`steps ${compact ? 'compact' : ''}`}>
      {stepRows(timeline).map(({ label, outcome, detail, start, share, milliseconds }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: entries are only added at the end.
        <li key={at} className={TONES[outcome]}>
          <span className="step-label">
            {label}
            {outcome !== 'done' && <span className="step-outcome"> · {WORDS[outcome]}</span>}
          </span>
          <svg className="step-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
            <rect className="track" width="100" height="8" />
            <rect className="span" x={Math.min(99, start * 100)} width={Math.max(1, share * 100)} height="8" />
          </svg>
          <span className="step-time">{at === 0 ? '' : formatDuration(milliseconds)}</span>
          {detail && <span className="step-detail muted">{detail}</span>}
        </li>
      ))}
    </ol>
  );
}
