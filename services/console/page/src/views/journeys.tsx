// The synthetic journeys of the monitor: how the latest ended, and one more by hand.
import { useMutation, useQuery } from '@connectrpc/connect-query';
import { Journey, type Run, RunResult } from '#gen/shop/monitor/v1/monitor_pb.ts';
import { MonitorService } from '#gen/shop/monitor/v1/monitor_service_pb.ts';
import { formatAge, formatDuration } from '../model/times.ts';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { Empty, Failure, Loading } from '../parts/notice.tsx';
import { useNow } from '../use-now.ts';

const JOURNEYS = [
  { journey: Journey.ORDER, label: 'An order that is confirmed' },
  { journey: Journey.DECLINE, label: 'A payment that is declined' },
  { journey: Journey.CANCEL, label: 'An order that is cancelled' },
  { journey: Journey.QUOTE, label: 'A quote' },
];
const SHOWN = 30;

export function Journeys() {
  return (
    <Card title="Journeys">
      <p className="muted">The monitor places synthetic orders all the time: they touch no money, mail or sums.</p>
      <ul className="journeys">
        {JOURNEYS.map(({ journey, label }) => (
          <JourneyRow key={journey} journey={journey} label={label} />
        ))}
      </ul>
    </Card>
  );
}

function JourneyRow({ journey, label }: { readonly journey: Journey; readonly label: string }) {
  const now = useNow(5_000);
  const listed = useQuery(MonitorService.method.listRuns, { journey, pageSize: SHOWN }, { refetchInterval: 5_000 });
  const run = useMutation(MonitorService.method.runJourney, { onSettled: () => listed.refetch() });
  const runs = listed.data?.runs ?? [];
  const [latest] = runs;
  return (
    <li>
      <div className="journey-head">
        <strong>{label}</strong>
        {latest && (
          <Badge tone={latest.result === RunResult.SUCCEEDED ? 'good' : 'bad'}>
            {latest.result === RunResult.SUCCEEDED ? 'succeeded' : 'failed'}
          </Badge>
        )}
        <button
          type="button"
          className="button small"
          disabled={run.isPending}
          aria-label={`Run now: ${label}`}
          onClick={() => run.mutate({ idempotencyKey: crypto.randomUUID(), journey })}
        >
          {run.isPending ? 'Running…' : 'Run now'}
        </button>
      </div>
      {listed.isPending && <Loading rows={1} />}
      {listed.error && <Failure error={listed.error} onRetry={() => void listed.refetch()} />}
      {run.error && <Failure error={run.error} />}
      {listed.data && runs.length === 0 && <Empty>It has not run yet.</Empty>}
      {latest && <Runs runs={runs} />}
      {latest && (
        <p className="muted small-text">
          {formatAge(latest.startTime, now)}, {formatDuration(lengthOf(latest))}
          {latest.failureReason && `: ${latest.failureReason}`}
        </p>
      )}
    </li>
  );
}

function lengthOf({ duration }: Run): number {
  return duration === undefined ? 0 : Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
}

/** One bar for each run, oldest first; its height is the time it took. */
function Runs({ runs }: { readonly runs: readonly Run[] }) {
  const longest = Math.max(...runs.map(lengthOf), 1);
  const failed = runs.filter(({ result }) => result !== RunResult.SUCCEEDED).length;
  return (
    <svg
      className="runs"
      viewBox={`0 0 ${SHOWN * 8} 32`}
      preserveAspectRatio="xMinYMax meet"
      role="img"
      aria-label={`The latest ${runs.length} runs, ${failed} of them failed`}
    >
      {runs.toReversed().map((run, at) => {
        const height = Math.max(3, (lengthOf(run) / longest) * 30);
        return (
          <rect
            key={run.runId}
            className={run.result === RunResult.SUCCEEDED ? 'good' : 'bad'}
            x={at * 8}
            y={32 - height}
            width="6"
            height={height}
            rx="1"
          />
        );
      })}
    </svg>
  );
}
