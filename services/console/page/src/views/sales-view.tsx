// Sales: what was sold, by minute and by product, live.
import { createClient } from '@connectrpc/connect';
import type { SalesSummary } from '#gen/shop/analytics/v1/analytics_pb.ts';
import { AnalyticsService } from '#gen/shop/analytics/v1/analytics_service_pb.ts';
import { formatAmounts, subtractAmounts } from '../model/amounts.ts';
import { latestMinutes } from '../model/sales.ts';
import { Card } from '../parts/card.tsx';
import { Empty, Failure, Loading } from '../parts/notice.tsx';
import { TableFrame } from '../parts/table-frame.tsx';
import { transport } from '../transports.ts';
import { useNow } from '../use-now.ts';
import { useStream } from '../use-stream.ts';
import { MinuteChart } from './minute-chart.tsx';

const client = createClient(AnalyticsService, transport);
const MINUTES = 60;
const PRODUCTS = 12;

export function SalesView() {
  const { latest, error } = useStream('sales', (signal) => client.watchSales({}, { signal }));
  const summary = latest?.summary;
  return (
    <>
      <div className="view-head">
        <div>
          <h1>Sales</h1>
          <p className="muted">
            {summary?.rebuilding
              ? 'The sums are being rebuilt from the events.'
              : 'From the events of all services, live.'}
          </p>
        </div>
      </div>
      {error !== undefined && <Failure error={error} />}
      {summary === undefined && error === undefined && <Loading rows={6} />}
      {summary && <Summary summary={summary} />}
    </>
  );
}

function Summary({ summary }: { readonly summary: SalesSummary }) {
  const now = useNow(10_000);
  const { ordersConfirmed, ordersFailed, ordersCancelled, ordersRefunded, revenue, refunds } = summary;
  return (
    <>
      <dl className="figures">
        <Figure label="Net revenue" value={formatAmounts(subtractAmounts(revenue, refunds))} />
        <Figure label="Confirmed" value={ordersConfirmed.toLocaleString()} />
        <Figure label="Failed" value={ordersFailed.toLocaleString()} />
        <Figure label="Cancelled" value={ordersCancelled.toLocaleString()} />
        <Figure label="Refunded" value={ordersRefunded.toLocaleString()} />
      </dl>
      <Card title="Confirmed orders by minute">
        <MinuteChart minutes={latestMinutes(summary.minutes, now, MINUTES)} />
      </Card>
      <Products summary={summary} />
    </>
  );
}

function Figure({ label, value }: { readonly label: string; readonly value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Products({ summary: { products } }: { readonly summary: SalesSummary }) {
  const sorted = products.toSorted((one, other) => Number(other.quantity - one.quantity)).slice(0, PRODUCTS);
  const most = Number(sorted[0]?.quantity ?? 1n);
  return (
    <Card title="Products">
      {sorted.length === 0 && <Empty>Nothing was sold yet.</Empty>}
      {sorted.length > 0 && (
        <TableFrame label="Table of products">
          <table className="table plain">
            <thead>
              <tr>
                <th scope="col">Product</th>
                <th scope="col" className="bar-cell">
                  <span className="visually-hidden">Share</span>
                </th>
                <th scope="col" className="number">
                  Sold
                </th>
                <th scope="col" className="number">
                  Gross
                </th>
              </tr>
            </thead>
            <tbody>
              {sorted.map(({ productId, name, quantity, gross }) => (
                <tr key={productId}>
                  <th scope="row">{name || productId}</th>
                  <td className="bar-cell">
                    <svg viewBox="0 0 100 8" preserveAspectRatio="none" className="bar" aria-hidden="true">
                      <rect width={(Number(quantity) / most) * 100} height="8" />
                    </svg>
                  </td>
                  <td className="number">{quantity.toLocaleString()}</td>
                  <td className="number">{formatAmounts(gross)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
    </Card>
  );
}
