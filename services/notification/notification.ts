// What is told to a customer about an order. Pure.
import { formatMoney, type Money } from '../platform/base/money.ts';

export type NotificationStatus = 'PENDING' | 'SENT' | 'SUPPRESSED';

/** A product and how many of it were bought. */
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

/** The Message-ID of a notification's mail, with its angle brackets: the same however often the mail is sent. */
export function messageIdOf(notificationId: string): string {
  return `<${notificationId}@notification.customers.example>`;
}

/** The words of a notification's mail. */
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

/** Whether the mail server understood and refuses this mail for good, by its SMTP reply code. */
export function isRefusal(replyCode: number | undefined): boolean {
  return replyCode !== undefined && replyCode >= 500;
}

// Text of others must not begin a header or a line of its own.
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
