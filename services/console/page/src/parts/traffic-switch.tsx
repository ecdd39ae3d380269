// The switch of the steady load, in every view.
import { useMutation, useQuery } from '@connectrpc/connect-query';
import { useId } from 'react';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';

const RATES = [0, 1, 5, 20];

export function TrafficSwitch() {
  const id = useId();
  const traffic = useQuery(ControlService.method.getTraffic, {}, { refetchInterval: 2_000 });
  const change = useMutation(ControlService.method.setTraffic, { onSettled: () => traffic.refetch() });
  const { ordersPerSecond = 0, sent = 0 } = traffic.data?.traffic ?? {};
  const rates = RATES.includes(ordersPerSecond) ? RATES : [...RATES, ordersPerSecond];
  return (
    <div className="traffic">
      <label htmlFor={id}>Traffic</label>
      <select
        id={id}
        value={ordersPerSecond}
        disabled={change.isPending}
        onChange={({ target }) => change.mutate({ ordersPerSecond: Number(target.value) })}
      >
        {rates.map((rate) => (
          <option key={rate} value={rate}>
            {rate === 0 ? 'no traffic' : `${rate} orders/s`}
          </option>
        ))}
      </select>
      <span className="muted" aria-live="off">
        {ordersPerSecond > 0 ? `${sent} sent` : ''}
      </span>
    </div>
  );
}
