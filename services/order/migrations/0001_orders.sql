-- Orders, their idempotency keys, and the prices that orders are made with.

create table orders (
  order_id text primary key,
  customer_id text not null,
  items jsonb not null,
  -- A secret; erased by the verdict.
  payment_method text not null,
  currency_code text not null,
  total_minor bigint not null check (total_minor >= 0),
  pricing_version text not null,
  status text not null check (status in ('PENDING', 'CONFIRMED', 'FAILED', 'CANCELLED')),
  reason text,
  verdict text check (verdict in ('CONFIRM', 'FAIL', 'CANCEL')),
  -- The compensation that a failed or cancelled order still owes.
  release_owed boolean not null default false,
  refund_owed boolean not null default false,
  reservation_id text not null default '',
  transaction_id text not null default '',
  synthetic boolean not null,
  timeline jsonb not null,
  version int not null,
  create_time timestamptz not null,
  update_time timestamptz not null,
  -- When the background may work on the order next; null when nothing is left to do.
  resume_time timestamptz,
  -- The end of the lease of the replica that works on the order. A lease only saves work: two replicas may run one order safely.
  lease_until timestamptz not null,
  attempts int not null default 0,
  -- The trace of the call that placed the order, for the work in the background.
  traceparent text not null default '',
  check ((status = 'PENDING' or release_owed or refund_owed) = (resume_time is not null)),
  check (status <> 'CONFIRMED' or verdict = 'CONFIRM'),
  check (status <> 'FAILED' or verdict = 'FAIL'),
  check (status <> 'CANCELLED' or verdict = 'CANCEL')
);
create index orders_resume on orders (resume_time) where resume_time is not null;
create index orders_newest on orders (create_time desc, order_id desc);
create index orders_of_status on orders (status, create_time desc, order_id desc);
create index orders_of_customer on orders (customer_id, create_time desc, order_id desc);

create table order_key (
  idempotency_key text primary key,
  request_hash text not null,
  order_id text not null,
  create_time timestamptz not null default now()
);
create index order_key_create_time on order_key (create_time);

create table product_price (
  product_id text primary key,
  currency_code text not null,
  price_minor bigint not null check (price_minor >= 0),
  version bigint not null
);

-- Has its row once every product was read from inventory; from then on, events keep the prices current.
create table catalogue_load (
  only_row boolean primary key default true check (only_row),
  load_time timestamptz not null
);
