// The map of the platform, live, and what breaks it.
import { useMutation, useQuery } from '@connectrpc/connect-query';
import { useState } from 'react';
import { ControlService, type Link, type Process } from '#gen/local/control/v1/control_pb.ts';
import { useOverview } from '../console-http.ts';
import { Failure, Loading } from '../parts/notice.tsx';
import { useQueues } from '../use-queues.ts';
import { BreakPanel } from './break-panel.tsx';
import { History, useHappenings } from './history.tsx';
import { MapDrawing } from './map-drawing.tsx';
import { useRates } from './use-rates.ts';

const NO_PROCESSES: readonly Process[] = [];
const NO_LINKS: readonly Link[] = [];

export function MapView({ local }: { readonly local: boolean }) {
  const overview = useOverview();
  const rates = useRates(overview.data);
  const control = useQuery(ControlService.method.listProcesses, {}, { enabled: local, refetchInterval: 500 });
  const heal = useMutation(ControlService.method.heal, { onSettled: () => control.refetch() });
  const [chosen, setChosen] = useState<string>('payment');
  const processes = control.data?.processes ?? NO_PROCESSES;
  const links = control.data?.links ?? NO_LINKS;
  const queues = useQueues(local);
  const happenings = useHappenings(processes, rates, queues);
  return (
    <>
      <div className="view-head">
        <div>
          <h1>Map</h1>
          <p className="muted">
            {local
              ? 'Every process of the platform, live. Choose one to break it.'
              : 'Every service of the platform, live.'}
          </p>
        </div>
        {local && (
          <button type="button" className="button primary" disabled={heal.isPending} onClick={() => heal.mutate({})}>
            {heal.isPending ? 'Healing…' : 'Heal everything'}
          </button>
        )}
      </div>
      {overview.error && <Failure error={overview.error} onRetry={() => void overview.refetch()} />}
      {control.error && <Failure error={control.error} onRetry={() => void control.refetch()} />}
      {heal.error && <Failure error={heal.error} />}
      {overview.isPending && <Loading rows={8} />}
      {overview.data && (
        <div className="map-columns">
          <MapDrawing {...{ rates, processes, links, queues, chosen }} onChoose={setChosen} />
          <div className="map-side">
            {local && (
              <BreakPanel
                {...{ processes, links }}
                name={chosen}
                queueFill={control.data?.queueFill}
                onChanged={() => void control.refetch()}
              />
            )}
            <History happenings={happenings} />
          </div>
        </div>
      )}
    </>
  );
}
