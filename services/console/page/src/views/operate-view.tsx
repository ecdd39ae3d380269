// The operator's view: the status of every service, and the events that could not be applied.
import { useQuery } from '@connectrpc/connect-query';
import { BreakerState, type ConsumerStatus, type ServiceStatus } from '#gen/shop/ops/v1/ops_pb.ts';
import { OpsService } from '#gen/shop/ops/v1/ops_service_pb.ts';
import type { Tone } from '../model/order-steps.ts';
import { queuesOf, type WaitingEvents } from '../model/queues.ts';
import { formatDuration } from '../model/times.ts';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { describeFailure, isRefusal } from '../parts/notice.tsx';
import { TableFrame } from '../parts/table-frame.tsx';
import { transportTo } from '../transports.ts';
import { useQueues } from '../use-queues.ts';
import { DeadLetters } from './dead-letters.tsx';
import { Flags } from './flags.tsx';

const SERVICES = ['order', 'inventory', 'payment', 'notification', 'analytics', 'monitor'];

export function OperateView({ local }: { readonly local: boolean }) {
  const queues = useQueues(local);
  return (
    <>
      <div className="view-head">
        <div>
          <h1>Operate</h1>
          <p className="muted">What each service waits for, and what it could not do.</p>
        </div>
      </div>
      <Card title="Services">
        <TableFrame label="Table of services">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Service</th>
                <th scope="col">Database</th>
                <th scope="col">Broker</th>
                <th scope="col">Breakers</th>
                <th scope="col" className="number">
                  Outbox
                </th>
                <th scope="col" className="number">
                  Consumer lag
                </th>
                <th scope="col" className="number">
                  Owed
                </th>
                <th scope="col" className="number">
                  Dead letters
                </th>
              </tr>
            </thead>
            <tbody>
              {SERVICES.map((name) => (
                <ServiceRow key={name} name={name} queues={queues} />
              ))}
            </tbody>
          </table>
        </TableFrame>
      </Card>
      <Flags />
      <DeadLetters />
    </>
  );
}

type ServiceRowProps = { readonly name: string; readonly queues: readonly WaitingEvents[] | undefined };

function ServiceRow({ name, queues }: ServiceRowProps) {
  const { waiting } = queuesOf(name, undefined, queues);
  const options = { transport: transportTo(name), refetchInterval: 1_500 };
  const { data, error } = useQuery(OpsService.method.getStatus, {}, options);
  const { status } = data ?? {};
  return (
    <tr>
      <th scope="row">{name}</th>
      {error && (
        <td colSpan={7}>
          {isRefusal(error) ? <Badge tone="quiet">not shown</Badge> : <Badge tone="bad">down</Badge>}{' '}
          <span className="muted">{describeFailure(error)}</span>
          <Waiting count={waiting} />
        </td>
      )}
      {!error && status === undefined && (
        <td colSpan={7}>
          <span className="muted">…</span>
          <Waiting count={waiting} />
        </td>
      )}
      {!error && status && <StatusCells status={status} />}
    </tr>
  );
}

/** What a service that does not answer cannot say itself. */
function Waiting({ count }: { readonly count: number }) {
  return count > 0 && <strong className="wait-text"> {count} events wait for it.</strong>;
}

function StatusCells({ status }: { readonly status: ServiceStatus }) {
  const { databaseUp, broker, outbox, consumers, openCompensations, deadLetters } = status;
  const waited = outbox?.oldestAge ? Number(outbox.oldestAge.seconds) * 1_000 + outbox.oldestAge.nanos / 1e6 : 0;
  return (
    <>
      <td>
        <Badge tone={databaseUp ? 'good' : 'bad'}>{databaseUp ? 'up' : 'down'}</Badge>
      </td>
      <td>
        <Badge tone={broker?.connected ? 'good' : 'bad'}>{broker?.connected ? 'connected' : 'lost'}</Badge>
      </td>
      <td>
        <Breakers status={status} />
      </td>
      <td className="number">
        {String(outbox?.unsent ?? 0n)}
        {waited > 0 && <span className="muted"> {formatDuration(waited)}</span>}
      </td>
      <td className="number">{lagText(consumers)}</td>
      <td className="number">{String(openCompensations)}</td>
      <td className="number">{deadLetters > 0n ? <strong className="bad-text">{String(deadLetters)}</strong> : '0'}</td>
    </>
  );
}

/** `?` while the broker cannot be asked. */
function lagText(consumers: readonly ConsumerStatus[]): string {
  if (consumers.length === 0) return '–';
  if (consumers.some(({ pending }) => pending < 0n)) return '?';
  return String(consumers.reduce((sum, { pending }) => sum + pending, 0n));
}

const BREAKERS: Readonly<Record<number, Tone>> = {
  [BreakerState.UNSPECIFIED]: 'quiet',
  [BreakerState.CLOSED]: 'good',
  [BreakerState.OPEN]: 'bad',
  [BreakerState.HALF_OPEN]: 'wait',
};

function Breakers({ status: { breakers } }: { readonly status: ServiceStatus }) {
  if (breakers.length === 0) return <span className="muted">–</span>;
  return (
    <span className="badges">
      {breakers.map(({ dependency, state, reason }) => (
        <span key={dependency} title={reason}>
          <Badge tone={BREAKERS[state] ?? 'quiet'}>{dependency}</Badge>
        </span>
      ))}
    </span>
  );
}
