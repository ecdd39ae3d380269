// A small label with a tone.
import type { OrderStatus } from '#gen/shop/order/v1/order_pb.ts';
import { describeStatus, type Tone } from '../model/order-steps.ts';

/** The tone is also told by a sign, for readers who do not see colours. */
const SIGNS: Readonly<Record<Tone, string>> = { good: '✓', wait: '●', bad: '✕', quiet: '–' };

/** A label with a tone. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: string }) {
  return (
    <span className={`badge ${tone}`}>
      <span aria-hidden="true">{SIGNS[tone]}</span> {children}
    </span>
  );
}

/** The status of an order. */
export function StatusBadge({ status }: { readonly status: OrderStatus }) {
  const { label, tone } = describeStatus(status);
  return <Badge tone={tone}>{label}</Badge>;
}
