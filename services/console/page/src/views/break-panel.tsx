// Break it: what can be done to the process that is chosen on the map, and to its links.
import { useMutation } from '@connectrpc/connect-query';
import {
  ControlService,
  type Link,
  LinkFault,
  type Process,
  ProcessState,
  type QueueFill,
} from '#gen/local/control/v1/control_pb.ts';
import { BOXES } from '../model/map-layout.ts';
import { replicasOf } from '../model/replicas.ts';
import { Card } from '../parts/card.tsx';
import { Failure } from '../parts/notice.tsx';
import { QueueActions } from './queue-actions.tsx';

/** The process that serves this page. */
const SELF = 'console';

export type BreakPanelProps = {
  readonly name: string;
  readonly processes: readonly Process[];
  readonly links: readonly Link[];
  readonly queueFill: QueueFill | undefined;
  readonly onChanged: () => void;
};

export function BreakPanel({ name, processes, links, queueFill, onChanged }: BreakPanelProps) {
  const replicas = replicasOf(processes, name);
  const label = BOXES.find((box) => box.name === name)?.label ?? name;
  const fillable = replicas.find((process) => process.fillable);
  const own = links.filter(({ from, to }) => from === name || to === name);
  return (
    <Card title={`Break it: ${label}`}>
      {name === SELF && <p className="muted">This page is served by the console, so it cannot be stopped here.</p>}
      {replicas
        .filter((process) => process.name !== SELF)
        .map((process) => (
          <ProcessActions
            key={process.name}
            process={process}
            isOneOfMany={replicas.length > 1}
            onChanged={onChanged}
          />
        ))}
      {fillable && <QueueActions key={name} process={fillable} fill={queueFill} onChanged={onChanged} />}
      {own.map((link) => (
        <LinkActions key={`${link.from} ${link.to}`} link={link} onChanged={onChanged} />
      ))}
    </Card>
  );
}

function ProcessActions({
  process: { name, state, pid },
  isOneOfMany,
  onChanged,
}: {
  readonly process: Process;
  readonly isOneOfMany: boolean;
  readonly onChanged: () => void;
}) {
  const options = { onSettled: onChanged };
  const kill = useMutation(ControlService.method.killProcess, options);
  const stop = useMutation(ControlService.method.stopProcess, options);
  const start = useMutation(ControlService.method.startProcess, options);
  const pause = useMutation(ControlService.method.pauseProcess, options);
  const resume = useMutation(ControlService.method.resumeProcess, options);
  const all = [kill, stop, start, pause, resume];
  const failure = all.find(({ error }) => error)?.error;
  const busy = all.some(({ isPending }) => isPending);
  const act = ({ mutate }: { mutate: (request: { process: string }) => void }) => {
    return () => {
      for (const { reset } of all) reset();
      mutate({ process: name });
    };
  };
  const isStopped = state === ProcessState.STOPPED;
  const isPaused = state === ProcessState.PAUSED;
  const hasProcess = pid !== 0;
  return (
    <section aria-label={name} className="break-replica">
      {isOneOfMany && <h3>{name}</h3>}
      <div className="break-actions">
        <button type="button" className="button danger" disabled={busy || !hasProcess} onClick={act(kill)}>
          Kill
        </button>
        {isStopped ? (
          <button type="button" className="button primary" disabled={busy} onClick={act(start)}>
            {busy ? 'Starting…' : 'Start'}
          </button>
        ) : (
          <button type="button" className="button" disabled={busy} onClick={act(stop)}>
            {busy && stop.isPending ? 'Stopping…' : 'Stop'}
          </button>
        )}
        {isPaused ? (
          <button type="button" className="button primary" disabled={busy} onClick={act(resume)}>
            Continue
          </button>
        ) : (
          <button
            type="button"
            className="button"
            disabled={busy || !hasProcess || name === 'postgres'}
            onClick={act(pause)}
          >
            Freeze
          </button>
        )}
      </div>
      <p className="muted small-text">
        Killed, it is started again by the supervisor. Stopped or frozen, it stays so until you end it.
      </p>
      {failure && <Failure error={failure} />}
    </section>
  );
}

const FAULTS = [
  { fault: LinkFault.UNSPECIFIED, label: 'Fine' },
  { fault: LinkFault.SLOW, label: 'Slow' },
  { fault: LinkFault.CUT, label: 'Cut' },
];

function LinkActions({ link, onChanged }: { readonly link: Link; readonly onChanged: () => void }) {
  const change = useMutation(ControlService.method.setLinkFault, { onSettled: onChanged });
  const { from, to } = link;
  const current = change.isPending ? change.variables?.fault : link.fault;
  return (
    <div className="link-actions">
      <span>
        {from} → {to}
      </span>
      <fieldset className="segments" aria-label={`Link from ${from} to ${to}`}>
        {FAULTS.map(({ fault, label }) => (
          <button
            key={fault}
            type="button"
            aria-pressed={fault === current}
            disabled={change.isPending}
            onClick={() => change.mutate({ from, to, fault })}
          >
            {label}
          </button>
        ))}
      </fieldset>
      {change.isPending && (
        <p className="muted small-text">The first fault puts a proxy between them and restarts {from}.</p>
      )}
      {change.error && <Failure error={change.error} />}
    </div>
  );
}
