// Chaos experiments: one is started here, on a platform of its own, and its verdict is shown.
import { useMutation, useQuery } from '@connectrpc/connect-query';
import { useId, useState } from 'react';
import { ControlService, type ExperimentRun } from '#gen/local/control/v1/control_pb.ts';
import { describeRun } from '../model/experiments.ts';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { Failure, Loading } from '../parts/notice.tsx';
import { useNow } from '../use-now.ts';

const PERIOD_MS = 1_500;

export function Experiments() {
  const field = useId();
  const listed = useQuery(ControlService.method.listExperiments, {}, { refetchInterval: PERIOD_MS });
  const options = { onSettled: () => listed.refetch() };
  const start = useMutation(ControlService.method.startExperiment, options);
  const stop = useMutation(ControlService.method.stopExperiment, options);
  const { experiments = [], run } = listed.data ?? {};
  const [wanted, setWanted] = useState('');
  const chosen = experiments.find(({ name }) => name === wanted) ?? experiments[0];
  const failure = start.error ?? stop.error;
  return (
    <Card title="Chaos experiments" aside={run && <RunBadge run={run} />}>
      <p className="muted">
        An experiment starts a second platform on this machine, breaks one thing in it while customers order, and judges
        whether every promise was kept. It takes a minute or two.
      </p>
      {listed.error && <Failure error={listed.error} onRetry={() => void listed.refetch()} />}
      {listed.isPending && <Loading rows={1} />}
      {chosen && (
        <div className="experiment-choice">
          <label htmlFor={field}>Experiment</label>
          <select
            id={field}
            value={chosen.name}
            disabled={run?.running === true}
            onChange={({ target }) => setWanted(target.value)}
          >
            {experiments.map(({ name, title }) => (
              <option key={name} value={name}>
                {name}: {title}
              </option>
            ))}
          </select>
          {run?.running ? (
            <button type="button" className="button danger" disabled={stop.isPending} onClick={() => stop.mutate({})}>
              {stop.isPending ? 'Stopping…' : 'Stop'}
            </button>
          ) : (
            <button
              type="button"
              className="button primary"
              disabled={start.isPending}
              onClick={() => start.mutate({ experiment: chosen.name })}
            >
              Start
            </button>
          )}
        </div>
      )}
      {failure && <Failure error={failure} />}
      {run && <RunReport run={run} />}
    </Card>
  );
}

function RunBadge({ run }: { readonly run: ExperimentRun }) {
  const { label, tone } = describeRun(run, useNow());
  return <Badge tone={tone}>{label}</Badge>;
}

function RunReport({ run: { experiment, lines } }: { readonly run: ExperimentRun }) {
  return (
    <section aria-label={`Report of ${experiment}`} className="run-report">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keyboard. */}
      <pre className="json" tabIndex={0}>
        {lines.length === 0 ? 'starting…' : lines.join('\n')}
      </pre>
    </section>
  );
}
