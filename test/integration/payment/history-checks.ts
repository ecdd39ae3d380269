// The invariants of charges after a history, once nothing is open, with a description of each violation.
import type { Database } from '#services/platform/storage/database.ts';
import type { ProviderCharge } from './history-provider.ts';

/** A step and its answer: a charge's status, or the reason of a refusal. */
export type Answer = {
  readonly step:
    | { readonly kind: 'pay'; readonly orderId: string; readonly amount: bigint; readonly paymentMethod: string }
    | { readonly kind: 'refund'; readonly orderId: string };
  readonly reported: string;
  readonly transactionId: string;
};

type ChargeRow = {
  order_id: string;
  status: 'CHARGING' | 'COMPLETED' | 'DECLINED' | 'REFUNDED';
  transaction_id: string;
  amount_minor: string | null;
  refund_key: string | null;
};
type EventRow = { subject: string; payload: Buffer };

/** Checks the database against the provider. */
export async function findMoneyFaults(
  database: Database,
  answers: readonly Answer[],
  ledger: readonly ProviderCharge[],
): Promise<string[]> {
  const rows = await database.query<ChargeRow>(
    'select order_id, status, transaction_id, amount_minor, refund_key from charge',
  );
  const events = await database.query<EventRow>('select subject, payload from outbox');
  return [
    ...rows.flatMap((row) => [...findUnlikeLedger(row, ledger), ...findUntold(row, events)]),
    ...answers.flatMap((answer) => findBrokenAnswer(answer, rows)),
  ];
}

function findUnlikeLedger(row: ChargeRow, ledger: readonly ProviderCharge[]): string[] {
  const { order_id, status, transaction_id, refund_key } = row;
  const own = ledger.filter(({ orderId }) => orderId === order_id);
  const captured = own.filter((charge) => charge.status === 'captured');
  const kept = captured.filter(({ refunded }) => !refunded);
  const isKept = status === 'COMPLETED';
  return [
    ...(status === 'CHARGING' ? [`${order_id} is still open`] : []),
    ...(isKept && refund_key !== null ? [`${order_id} is COMPLETED, though its refund was asked for`] : []),
    ...(captured.length > 1 ? [`${order_id} was captured ${captured.length} times`] : []),
    ...(kept.length === (isKept ? 1 : 0)
      ? []
      : [`${order_id} is ${status}, the provider keeps ${kept.length} charges`]),
    ...(isKept && kept[0]?.id !== transaction_id
      ? [`${order_id} has ${transaction_id}, the provider ${kept[0]?.id}`]
      : []),
  ];
}

// A charge captured and refunded before its capture was stored publishes only the refund.
function findUntold({ order_id, status, transaction_id }: ChargeRow, events: readonly EventRow[]): string[] {
  const reported = events
    .filter(({ payload }) => payload.includes(order_id))
    .map(({ subject }) => subject.replace('shop.payment.v1.Payment', ''))
    .toSorted()
    .join();
  const wanted = {
    CHARGING: [''],
    COMPLETED: ['Completed'],
    DECLINED: ['Failed'],
    REFUNDED: transaction_id === '' ? [''] : ['Completed,Refunded', 'Refunded'],
  }[status];
  return wanted.includes(reported) ? [] : [`${order_id} is ${status}, reported by ${reported || 'nothing'}`];
}

function findBrokenAnswer({ step, reported, transactionId }: Answer, rows: readonly ChargeRow[]): string[] {
  const row = rows.find(({ order_id }) => order_id === step.orderId);
  if (row === undefined) return [`${step.orderId} was reported ${reported}, but is not known`];
  const wrong = [`${step.orderId}: ${step.kind} was reported ${reported} ${transactionId}, but is ${row.status}`];
  const isRefunded = row.status === 'REFUNDED' && row.refund_key !== null;
  switch (reported) {
    case 'COMPLETED':
      return transactionId === row.transaction_id && (row.status === 'COMPLETED' || isRefunded) ? [] : wrong;
    case 'DECLINED':
      return row.status === 'DECLINED' ? [] : wrong;
    case 'REFUNDED':
      return isRefunded ? [] : wrong;
    case 'IDEMPOTENCY_KEY_REUSED':
      return row.amount_minor === null ? wrong : [];
    default:
      return wrong;
  }
}
