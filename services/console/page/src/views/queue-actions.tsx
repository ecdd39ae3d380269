// Fill the queue of the process that is chosen on the map: what is said before, and what is going on.
import { useMutation } from '@connectrpc/connect-query';
import { ControlService, type Process, type QueueFill } from '#gen/local/control/v1/control_pb.ts';
import { millisecondsOf } from '../model/times.ts';
import { Failure } from '../parts/notice.tsx';
import { useNow } from '../use-now.ts';

/** What happens, for the producer of events, and for a consumer. */
const OUTBOX = { button: 'Fill its outbox', held: 'cuts it from the broker', events: 'its events wait in the outbox' };
const QUEUE = { button: 'Fill its queue', held: 'freezes it', events: 'the events for it wait in the broker' };

export type QueueActionsProps = {
  readonly process: Process;
  readonly fill: QueueFill | undefined;
  readonly onChanged: () => void;
};

export function QueueActions({ process: { name }, fill, onChanged }: QueueActionsProps) {
  const start = useMutation(ControlService.method.fillQueue, { onSettled: onChanged });
  const { button, held, events } = name === 'order' ? OUTBOX : QUEUE;
  return (
    <section className="link-actions" aria-label={`Queue of ${name}`}>
      <button
        type="button"
        className="button"
        disabled={start.isPending || fill !== undefined}
        onClick={() => start.mutate({ process: name })}
      >
        {start.isPending ? 'Starting…' : button}
      </button>
      {fill?.process === name ? (
        <Progress fill={fill} />
      ) : (
        <p className="muted small-text">
          This {held} and places 200 orders: {events}. After a minute, or healed, all of them are worked off.
        </p>
      )}
      {start.error && <Failure error={start.error} />}
    </section>
  );
}

function Progress({ fill: { sent, orders, failed, endTime } }: { readonly fill: QueueFill }) {
  const left = Math.max(0, Math.round(((millisecondsOf(endTime) ?? 0) - useNow()) / 1_000));
  return (
    <>
      <progress max={orders} value={sent} aria-label="Orders placed" />
      <p className="small-text">
        {sent} of {orders} orders placed{failed > 0 && `, ${failed} refused`}. Ends by itself in {left} s.
      </p>
    </>
  );
}
