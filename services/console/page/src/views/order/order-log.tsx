// What all services logged about one order: its calls, retries, events and mail, in the order of time.
import { useQuery } from '@connectrpc/connect-query';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import { formatOffset, millisecondsOf } from '../../model/times.ts';
import { Card } from '../../parts/card.tsx';
import { Empty, Failure } from '../../parts/notice.tsx';

const TONES: Readonly<Record<string, string>> = { warn: 'wait', error: 'bad', fatal: 'bad' };

export function OrderLog({ orderId }: { readonly orderId: string }) {
  const { data, error } = useQuery(ControlService.method.listOrderLog, { orderId }, { refetchInterval: 1_500 });
  const lines = data?.lines ?? [];
  const first = millisecondsOf(lines[0]?.time) ?? 0;
  return (
    <Card title="Across the services" className="span-2">
      {error && <Failure error={error} />}
      {data && lines.length === 0 && <Empty>The log of this order is no longer remembered.</Empty>}
      <ol className="order-log">
        {lines.map(({ process, time, level, message, reason }, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines are only added at the end.
          <li key={at} className={TONES[level] ?? ''}>
            <span className="muted">{formatOffset((millisecondsOf(time) ?? first) - first)}</span>
            <strong>{process}</strong>
            <span>
              {message}
              {reason && <span className="muted"> · {reason}</span>}
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}
