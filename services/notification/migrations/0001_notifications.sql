-- One row per order: the notification of its customer, and whether its mail was sent.

create table notification (
  notification_id uuid primary key,
  order_id text not null unique,
  customer_id text not null,
  type text not null check (type in ('ORDER_CONFIRMATION')),
  status text not null check (status in ('PENDING', 'SENT', 'SUPPRESSED')),
  -- The content of the mail: items as [{product_id, quantity}], and the total.
  items jsonb not null,
  currency_code text not null,
  total_minor bigint not null,
  synthetic boolean not null,
  version int not null check (version > 0),
  -- When the mail is due. An attempt moves it forward as a lease, so that other replicas skip the row.
  next_try_time timestamptz not null default now(),
  attempts int not null default 0,
  error text not null default '',
  -- The trace of the event that caused the notification; sending the mail continues it.
  traceparent text not null default '',
  -- Whole milliseconds, so that a page token holds it exactly.
  create_time timestamptz not null default date_trunc('milliseconds', now()),
  send_time timestamptz,

  constraint notification_sent_has_time check ((status = 'SENT') = (send_time is not null)),
  constraint notification_synthetic_is_suppressed check (synthetic = (status = 'SUPPRESSED'))
);

create index notification_newest on notification (create_time desc, notification_id desc);
create index notification_of_customer on notification (customer_id, create_time desc, notification_id desc);
create index notification_pending on notification (next_try_time) where status = 'PENDING';
