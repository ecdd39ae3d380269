// What the invariants are judged by: plain facts of the databases, the provider's ledger, the mailbox and the streams, and what
// clients were told. invariants-collect.ts gathers them, invariants-judge.ts judges them.
import type { Money } from '#services/platform/base/money.ts';

/** The services that keep something. */
export const OWNERS = ['order', 'inventory', 'payment', 'notification', 'analytics'] as const;
export type Owner = (typeof OWNERS)[number];

/** Where the facts are: addresses with their passwords. */
export type InvariantSources = {
  readonly databaseUrls: Readonly<Record<Owner, string>>;
  /** A user who may look at every stream. */
  readonly natsUrl: string;
  readonly providerUrl: string;
  /** Undefined when mails go to a server that shows nobody its mails. */
  readonly mailboxUrl: string | undefined;
};

export type Line = { readonly productId: string; readonly quantity: number };

export type OrderFact = {
  readonly orderId: string;
  readonly customerId: string;
  readonly items: readonly Line[];
  readonly total: Money;
  readonly status: 'PENDING' | 'CONFIRMED' | 'FAILED' | 'CANCELLED';
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
  /** The sum of what was added to and taken from its stock by hand. */
  readonly adjusted: number;
  /** What it was put in with; undefined where nobody knows. */
  readonly opening: number | undefined;
};

export type ReservationFact = {
  readonly orderId: string;
  readonly reservationId: string;
  readonly state: 'RESERVED' | 'REJECTED' | 'RELEASED' | 'CONFIRMED';
  readonly lines: readonly Line[];
  /** Whether it was ever refused for want of stock. */
  readonly short: boolean;
  readonly createTime: Date;
};

export type ChargeFact = {
  readonly orderId: string;
  readonly status: 'CHARGING' | 'COMPLETED' | 'DECLINED' | 'REFUNDED';
  readonly transactionId: string;
  /** Undefined when it was refunded before it was asked for. */
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

/** What analytics counts of an order. */
export type SaleFact = {
  readonly orderId: string;
  /** The steps it counts; none of a test order. */
  readonly steps: readonly string[];
  /** Whether it is counted apart, as a test order. */
  readonly apart: boolean;
  /** What it was sold for; undefined when it does not count as sold. */
  readonly total: Money | undefined;
  readonly items: readonly Line[];
};

/** A charge as the provider has it, with what of it was given back. */
export type ProviderChargeFact = {
  readonly chargeId: string;
  readonly orderId: string;
  readonly status: 'pending' | 'captured' | 'declined';
  readonly amount: Money;
  readonly refunded: bigint;
};

export type MailFact = {
  readonly messageId: string;
  /** The order it tells of. */
  readonly orderId: string;
};

export type Mailbox = {
  readonly mails: readonly MailFact[];
  /** How many mails were none of the shop's. */
  readonly foreign: number;
  /** Set when the mailbox is full: mails before that are no longer listed. */
  readonly since: Date | undefined;
};

/** What the bodies of events have in common; undefined where a message has no such field. */
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
  /** Undefined when it cannot be read as what its subject says. */
  readonly body: EventBody | undefined;
};

export type StreamFact = {
  readonly producer: Owner;
  readonly name: string;
  readonly events: readonly EventFact[];
  /** Set when its oldest events are gone: only what happened since can be looked for. */
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

/** Something that is still going on. */
export type PendingWork = { readonly what: string; readonly count: number; readonly ids: readonly string[] };

/** What CreateOrder answered to a client. */
export type AcknowledgedOrder = {
  readonly idempotencyKey: string;
  readonly orderId: string;
  readonly status: OrderFact['status'];
  /** Like `CONFIRMED` or `TIMEOUT`. */
  readonly outcome: string;
};

export type Facts = {
  readonly orders: readonly OrderFact[];
  readonly keys: readonly { readonly idempotencyKey: string; readonly orderId: string }[];
  /** Keys used before that time may have been forgotten. */
  readonly keysSince: Date;
  readonly products: readonly ProductFact[];
  readonly reservations: readonly ReservationFact[];
  readonly charges: readonly ChargeFact[];
  readonly notifications: readonly NotificationFact[];
  readonly sales: readonly SaleFact[];
  /** Undefined when the provider shows nobody its ledger. */
  readonly ledger: readonly ProviderChargeFact[] | undefined;
  readonly mailbox: Mailbox | undefined;
  readonly streams: readonly StreamFact[];
  readonly messaging: Readonly<Record<Owner, MessagingFact>>;
  readonly unrest: readonly PendingWork[];
  readonly told: readonly AcknowledgedOrder[];
};

/** The events that change something where they arrive, by the consuming service. */
export const HANDLED: Readonly<Record<Owner, Readonly<Partial<Record<Owner, readonly string[]>>>>> = {
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
