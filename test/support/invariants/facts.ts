// The facts by which the invariants are judged: plain data from the databases, the provider's ledger, the mailbox and the streams,
// and the orders acknowledged to clients. collect.ts gathers them, judge.ts judges them.
import type { Money } from '#services/platform/base/money.ts';

/** The services that own a database. */
export const OWNERS = ['order', 'inventory', 'payment', 'notification', 'analytics'] as const;
export type Owner = (typeof OWNERS)[number];

/** Where the facts are read: URLs, with their passwords. */
export type InvariantSources = {
  readonly databaseUrls: Readonly<Record<Owner, string>>;
  /** Of a user who may read every stream. */
  readonly natsUrl: string;
  readonly providerUrl: string;
  /** Undefined when the mail server does not show its mails. */
  readonly mailboxUrl: string | undefined;
};

export type Line = { readonly productId: string; readonly quantity: number };

export type OrderFact = {
  readonly orderId: string;
  readonly customerId: string;
  readonly items: readonly Line[];
  readonly total: Money;
  readonly status: 'PENDING' | 'CONFIRMED' | 'FAILED' | 'CANCELLED' | 'REFUNDED';
  readonly reservationId: string;
  readonly transactionId: string;
  readonly synthetic: boolean;
  readonly version: number;
  readonly createTime: Date;
};

export type ProductFact = {
  readonly productId: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly sold: number;
  readonly version: number;
  /** The sum of its stock adjustments. */
  readonly adjusted: number;
  /** Its opening stock; undefined where it is not known. */
  readonly opening: number | undefined;
};

export type ReservationFact = {
  readonly orderId: string;
  readonly reservationId: string;
  readonly state: 'RESERVED' | 'REJECTED' | 'RELEASED' | 'CONFIRMED';
  readonly lines: readonly Line[];
  /** Whether it was ever rejected for insufficient stock. */
  readonly short: boolean;
  readonly createTime: Date;
};

export type ChargeFact = {
  readonly orderId: string;
  readonly status: 'CHARGING' | 'COMPLETED' | 'DECLINED' | 'REFUNDED';
  readonly transactionId: string;
  /** Undefined for a tombstone: refunded before it was charged. */
  readonly amount: Money | undefined;
  readonly createTime: Date;
};

export type NotificationFact = {
  readonly notificationId: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly status: 'PENDING' | 'SENT' | 'SUPPRESSED';
  readonly total: Money;
  readonly createTime: Date;
  readonly sendTime: Date | undefined;
};

/** What analytics has counted of an order. */
export type SaleFact = {
  readonly orderId: string;
  /** The counted steps; empty for a synthetic order. */
  readonly steps: readonly string[];
  /** Whether it is counted separately, as a synthetic order. */
  readonly synthetic: boolean;
  /** Its revenue; undefined when it is not counted as sold. */
  readonly total: Money | undefined;
  /** What was paid back; undefined when it is not counted as refunded. */
  readonly refund: Money | undefined;
  readonly items: readonly Line[];
};

/** A charge in the provider's ledger, with the sum of its refunds. */
export type ProviderChargeFact = {
  readonly chargeId: string;
  readonly orderId: string;
  readonly status: 'pending' | 'captured' | 'declined';
  readonly amount: Money;
  readonly refunded: bigint;
};

export type MailFact = {
  readonly messageId: string;
  /** The order it is about. */
  readonly orderId: string;
};

export type Mailbox = {
  readonly mails: readonly MailFact[];
  /** How many mails were not sent by the shop. */
  readonly unrelated: number;
  /** Set when the mailbox is full: older mails are no longer listed. */
  readonly since: Date | undefined;
};

/** The common fields of event bodies; undefined where a message has no such field. */
export type EventBody = {
  readonly orderId: string | undefined;
  readonly notificationId: string | undefined;
  readonly productId: string | undefined;
  readonly customerId: string | undefined;
  readonly total: Money | undefined;
  readonly version: number;
};

export type EventFact = {
  /** Its ce-id. */
  readonly id: string;
  readonly subject: string;
  readonly sequence: number;
  /** Undefined when it cannot be decoded as the type of its subject. */
  readonly body: EventBody | undefined;
};

export type StreamFact = {
  readonly producer: Owner;
  readonly name: string;
  readonly events: readonly EventFact[];
  /** Set when its oldest events were removed: only later changes can be checked. */
  readonly since: Date | undefined;
};

export type MessagingFact = {
  readonly sent: readonly { readonly eventId: string; readonly subject: string; readonly sentTime: Date }[];
  readonly inbox: ReadonlySet<string>;
  readonly deadLetters: readonly {
    readonly deadLetterId: string;
    readonly eventId: string;
    readonly subject: string;
    readonly error: string;
  }[];
};

/** One kind of work that is still pending, or in flight. */
export type PendingWork = { readonly what: string; readonly count: number; readonly ids: readonly string[] };

/** An order as CreateOrder acknowledged it to a client. */
export type AcknowledgedOrder = {
  readonly idempotencyKey: string;
  readonly orderId: string;
  readonly status: OrderFact['status'];
  /** Like `CONFIRMED` or `TIMEOUT`. */
  readonly outcome: string;
};

/** A sum that analytics keeps, and what its rows add up to; undefined where there is no sum or no row. */
export type WrongSum = {
  /** Like `minute: orders CONFIRMED EUR`. */
  readonly what: string;
  readonly kept: string | undefined;
  readonly rows: string | undefined;
};

export type Facts = {
  readonly orders: readonly OrderFact[];
  readonly keys: readonly { readonly idempotencyKey: string; readonly orderId: string }[];
  /** Keys used before that time may have been pruned. */
  readonly keysSince: Date;
  readonly products: readonly ProductFact[];
  readonly reservations: readonly ReservationFact[];
  readonly charges: readonly ChargeFact[];
  readonly notifications: readonly NotificationFact[];
  readonly sales: readonly SaleFact[];
  /** Sums of analytics that differ from its rows. */
  readonly wrongSums: readonly WrongSum[];
  /** Undefined when the provider does not show its ledger. */
  readonly ledger: readonly ProviderChargeFact[] | undefined;
  readonly mailbox: Mailbox | undefined;
  readonly streams: readonly StreamFact[];
  readonly messaging: Readonly<Record<Owner, MessagingFact>>;
  readonly pendingWork: readonly PendingWork[];
  readonly acknowledged: readonly AcknowledgedOrder[];
};

/** The events that each service handles: by consumer, then by producer. */
export const HANDLED_EVENTS: Readonly<Record<Owner, Readonly<Partial<Record<Owner, readonly string[]>>>>> = {
  order: {
    inventory: [
      'shop.inventory.v1.StockReserved',
      'shop.inventory.v1.InsufficientStock',
      'shop.inventory.v1.ProductChanged',
    ],
    payment: ['shop.payment.v1.PaymentCompleted', 'shop.payment.v1.PaymentFailed'],
  },
  inventory: { order: ['shop.order.v1.OrderCreated'] },
  payment: {},
  notification: { order: ['shop.order.v1.OrderConfirmed'] },
  analytics: {
    order: [
      'shop.order.v1.OrderCreated',
      'shop.order.v1.OrderConfirmed',
      'shop.order.v1.OrderFailed',
      'shop.order.v1.OrderCancelled',
      'shop.order.v1.OrderRefunded',
    ],
    inventory: [
      'shop.inventory.v1.StockReserved',
      'shop.inventory.v1.InsufficientStock',
      'shop.inventory.v1.StockReleased',
      'shop.inventory.v1.ProductChanged',
    ],
    payment: ['shop.payment.v1.PaymentCompleted', 'shop.payment.v1.PaymentFailed', 'shop.payment.v1.PaymentRefunded'],
    notification: ['shop.notification.v1.NotificationSent'],
  },
};

/** The events that a service applies without a receipt, since applying them again does no harm. */
export const UNRECORDED_EVENTS: Readonly<Partial<Record<Owner, readonly string[]>>> = {
  order: [
    'shop.inventory.v1.StockReserved',
    'shop.inventory.v1.InsufficientStock',
    'shop.payment.v1.PaymentCompleted',
    'shop.payment.v1.PaymentFailed',
  ],
};
