// The notification aggregate and its mail. Pure.
import { formatMoney, type Money } from '../platform/base/money.ts';
import { cleanText } from '../platform/base/text.ts';

const MAX_ID_LENGTH = 128;

export type NotificationStatus = 'PENDING' | 'SENT' | 'SUPPRESSED';

/** An ordered product and its quantity. */
export type NotificationItem = { readonly productId: string; readonly quantity: number };

export type Notification = {
  readonly notificationId: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly type: 'ORDER_CONFIRMATION';
  readonly status: NotificationStatus;
  readonly items: readonly NotificationItem[];
  readonly total: Money;
  readonly synthetic: boolean;
  readonly version: number;
  readonly createTime: Date;
  readonly sendTime: Date | undefined;
};

/** Returns the Message-ID of a notification's mail, in angle brackets: the same for every attempt, so that duplicates are detectable. */
export function messageIdOf(notificationId: string): string {
  return `<${notificationId}@notification.customers.example>`;
}

/** Composes subject and text of a notification's mail. */
export function composeMail({ orderId, items, total }: Notification): { subject: string; text: string } {
  const lines = items.map(({ productId, quantity }) => `  ${quantity} x ${oneLine(productId)}`);
  return {
    subject: `Your order ${oneLine(orderId)} is confirmed`,
    text: [
      'Thank you for your order.',
      '',
      `Order: ${oneLine(orderId)}`,
      ...lines,
      `Total: ${formatMoney(total)}`,
      '',
    ].join('\n'),
  };
}

/** Returns whether an SMTP reply code is a permanent refusal of the mail. */
export function isRefusal(replyCode: number | undefined): boolean {
  return replyCode !== undefined && replyCode >= 500;
}

// Untrusted text must not start a header or a line, nor change the direction of what follows it.
function oneLine(text: string): string {
  return cleanText(text, MAX_ID_LENGTH);
}
