-- One row per order: its charge. Rows are never deleted: a tombstone refuses a late charge.

create table charge (
  order_id text primary key,
  -- The callers' keys; idempotency_key is null for a tombstone, refund_key for a charge without a refund request.
  idempotency_key text unique,
  refund_key text unique,
  request_hash text,
  customer_id text not null default '',
  currency_code text not null default '',
  amount_minor bigint check (amount_minor > 0),
  payment_method text,
  status text not null check (status in ('CHARGING', 'COMPLETED', 'DECLINED', 'REFUNDED')),
  transaction_id text not null default '',
  decline_code text not null default '',
  decline_message text not null default '',
  synthetic boolean not null,
  version int not null check (version > 0),
  -- The current attempt: since when the provider may know its key, and until when a call may be in flight.
  attempt int not null default 1,
  intent_time timestamptz not null default now(),
  call_until timestamptz not null default now(),
  -- When the background checks the row next; null when nothing is left to do.
  due_time timestamptz,
  checks int not null default 0,
  -- Until when the late capture of a voided charge is looked for.
  watch_until timestamptz,
  -- Whole milliseconds, so that a page token holds it exactly.
  create_time timestamptz not null default date_trunc('milliseconds', now()),
  update_time timestamptz not null default now(),

  constraint charge_intent_is_complete check (
    status <> 'CHARGING'
    or (idempotency_key is not null and request_hash is not null and amount_minor is not null and payment_method is not null)
  ),
  constraint charge_payment_method_is_forgotten check (status = 'CHARGING' or payment_method is null),
  constraint charge_completed_has_transaction check (status <> 'COMPLETED' or transaction_id <> ''),
  constraint charge_declined_has_code check ((status = 'DECLINED') = (decline_code <> ''))
);

comment on column charge.payment_method is 'Secret; held only while the provider may have to be asked again.';
comment on column charge.request_hash is 'SHA-256 of what was asked for: the same key with other content is refused.';

create index charge_newest on charge (create_time desc, order_id desc);
create index charge_of_customer on charge (customer_id, create_time desc, order_id desc);
create index charge_due on charge (due_time) where due_time is not null;
