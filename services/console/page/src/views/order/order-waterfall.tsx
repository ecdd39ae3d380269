// The journey of an order on one time axis: steps, calls with their attempts, events and mail.
import { useQuery } from '@connectrpc/connect-query';
import { useState } from 'react';
import { ControlService } from '#gen/local/control/v1/control_pb.ts';
import type { Order } from '#gen/shop/order/v1/order_pb.ts';
import { formatDuration, formatOffset } from '../../model/times.ts';
import {
  placeOf,
  ROW_KINDS,
  type Row,
  type RowKind,
  rowsToShow,
  type Waterfall,
  waterfallOf,
} from '../../model/waterfall.ts';
import { Card } from '../../parts/card.tsx';
import { Failure } from '../../parts/notice.tsx';

const PERIOD_MS = 2_000;
const MOST_ROWS = 160;
/** A bar that is shorter is drawn so wide, as a share of the axis. */
const LEAST_SHARE = 0.006;
const KINDS: Readonly<Record<RowKind, string>> = { step: 'Steps', call: 'Calls', event: 'Events', mail: 'Mail' };

/** With `local`, the traces of the local stack are shown; elsewhere the steps alone. */
export function OrderWaterfall({ order, local }: { readonly order: Order; readonly local: boolean }) {
  const traced = useQuery(
    ControlService.method.listOrderSpans,
    { orderId: order.orderId },
    { enabled: local, refetchInterval: PERIOD_MS },
  );
  const spans = traced.data?.spans ?? [];
  const waterfall = waterfallOf(order.timeline, spans);
  const [hidden, setHidden] = useState<ReadonlySet<RowKind>>(new Set());
  const present = ROW_KINDS.filter((kind) => waterfall.rows.some((row) => row.kind === kind));
  const shown = rowsToShow(waterfall.rows, new Set(ROW_KINDS.filter((kind) => !hidden.has(kind))), MOST_ROWS);
  return (
    <Card
      title="Journey"
      className="span-2"
      aside={<span className="muted small-text">{formatDuration(waterfall.milliseconds)}</span>}
    >
      {traced.error && <Failure error={traced.error} />}
      {present.length > 1 && <KindFilter kinds={present} hidden={hidden} onChange={setHidden} />}
      <ol className="waterfall">
        <Rows rows={shown.first} waterfall={waterfall} />
        {shown.leftOut > 0 && <li className="muted small-text">{shown.leftOut} rows in between are left out.</li>}
        <Rows rows={shown.last} waterfall={waterfall} />
      </ol>
      {traced.data && spans.length === 0 && (
        <p className="muted small-text">
          {traced.data.collected
            ? 'The trace of this order is no longer remembered: its steps are shown.'
            : 'The spans of this platform go to a collector of yours: the steps are shown.'}
        </p>
      )}
    </Card>
  );
}

type KindFilterProps = {
  readonly kinds: readonly RowKind[];
  readonly hidden: ReadonlySet<RowKind>;
  readonly onChange: (hidden: ReadonlySet<RowKind>) => void;
};

function KindFilter({ kinds, hidden, onChange }: KindFilterProps) {
  return (
    <fieldset className="filters" aria-label="What is shown">
      {kinds.map((kind) => (
        <button
          key={kind}
          type="button"
          className="filter"
          aria-pressed={!hidden.has(kind)}
          onClick={() => onChange(hidden.symmetricDifference(new Set([kind])))}
        >
          {KINDS[kind]}
        </button>
      ))}
    </fieldset>
  );
}

function Rows({ rows, waterfall }: { readonly rows: readonly Row[]; readonly waterfall: Waterfall }) {
  return rows.map((row) => <WaterfallRow key={row.key} row={row} waterfall={waterfall} />);
}

function WaterfallRow({ row, waterfall }: { readonly row: Row; readonly waterfall: Waterfall }) {
  const { kind, label, where, outcome, tone, begin, milliseconds, served } = row;
  const bar = placeOf(row, waterfall, LEAST_SHARE);
  const inner = served && placeOf(served, waterfall, 0);
  return (
    <li className={`${kind} ${tone}`} data-kind={kind}>
      <span className="row-label">
        <span className="row-name">{label}</span>
        {where && <span className="muted small-text"> {where}</span>}
        {outcome && <span className="step-outcome small-text"> · {outcome}</span>}
      </span>
      <svg className="step-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect className="track" width="100" height="8" />
        <rect className="span" x={bar.start * 100} width={bar.share * 100} height="8" />
        {inner && <rect className="served" x={inner.start * 100} width={inner.share * 100} height="8" />}
      </svg>
      <span className="row-start muted small-text">{formatOffset(begin - waterfall.begin)}</span>
      <span className="step-time">{milliseconds > 0 || kind !== 'step' ? formatDuration(milliseconds) : ''}</span>
    </li>
  );
}
