// The events about an order as they are in the streams, each as JSON.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { ControlService, type StoredEvent } from '#gen/local/control/v1/control_pb.ts';
import type { Order } from '#gen/shop/order/v1/order_pb.ts';
import { decodeEvent } from '../../model/events.ts';
import { isOpen } from '../../model/order-steps.ts';
import { formatOffset, millisecondsOf } from '../../model/times.ts';
import { Card } from '../../parts/card.tsx';
import { Empty, Failure, Loading } from '../../parts/notice.tsx';

const PERIOD_MS = 4_000;
/** The clocks of the database and of the services may differ by so much. */
const CLOCK_MS = 1_000;
/** The events of the other services follow the last change of the order within this time. */
const AFTERMATH_MS = 60_000;

export function OrderEvents({ order }: { readonly order: Order }) {
  const created = millisecondsOf(order.createTime) ?? 0;
  const changed = millisecondsOf(order.updateTime) ?? created;
  const { data, error, isPending, refetch } = useQuery(
    ControlService.method.listOrderEvents,
    {
      orderId: order.orderId,
      since: timestampFromMs(Math.floor(created) - CLOCK_MS),
      ...(isOpen(order.status) ? {} : { until: timestampFromMs(Math.floor(changed) + AFTERMATH_MS) }),
    },
    { refetchInterval: PERIOD_MS, placeholderData: keepPreviousData },
  );
  const events = data?.events ?? [];
  return (
    <Card title="Events" className="span-2">
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {isPending && <Loading rows={4} />}
      {data && events.length === 0 && <Empty>The streams have no event about this order.</Empty>}
      <ol className="events">
        {events.map((event) => (
          <EventRow key={event.eventId || `${event.stream} ${event.sequence}`} event={event} created={created} />
        ))}
      </ol>
      {data?.truncated && (
        <p className="muted small-text">There were many events at that time: some about this order may be missing.</p>
      )}
    </Card>
  );
}

function EventRow({ event, created }: { readonly event: StoredEvent; readonly created: number }) {
  const { stream, sequence, subject, eventId, time, payload } = event;
  const { text, readable } = decodeEvent(subject, payload);
  return (
    <li>
      <details>
        <summary>
          <span className="muted small-text row-start">
            {formatOffset((millisecondsOf(time) ?? created) - created)}
          </span>{' '}
          <strong>{subject.split('.').at(-1)}</strong>{' '}
          <span className="muted small-text">
            {stream} {String(sequence)}
            {readable ? '' : ', not readable'}
          </span>
        </summary>
        <p className="muted mono small-text">{eventId}</p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keyboard. */}
        <pre className="json" tabIndex={0}>
          {text}
        </pre>
      </details>
    </li>
  );
}
