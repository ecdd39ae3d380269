-- Products with their stock, what is set aside for orders, and the adjustments that were made.

create table product (
  product_id text collate "C" primary key,
  name text not null,
  currency_code text not null,
  unit_price_minor bigint not null check (unit_price_minor >= 0),
  -- In the warehouse: what can still be ordered and what is reserved.
  on_hand int not null,
  reserved int not null default 0 check (reserved >= 0),
  sold bigint not null default 0 check (sold >= 0),
  -- Grows with every change of name or price; stock leaves it alone.
  version bigint not null default 1,
  update_time timestamptz not null,
  constraint product_stock_suffices check (on_hand >= reserved)
-- Every sale rewrites a row: room beside it keeps the new one on the same page and out of the index.
) with (fillfactor = 50);

-- One row an order, for ever: it outlives every late or repeated request for that order.
create table reservation (
  order_id text primary key,
  reservation_id uuid not null unique,
  state text not null check (state in ('RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED')),
  -- What the order asked for, by product_id: [{product_id, quantity}]. Empty: released before it asked.
  lines jsonb not null,
  -- What was missing when it was rejected: [{product_id, requested, available}].
  shortages jsonb not null,
  version int not null default 1,
  synthetic boolean not null,
  create_time timestamptz not null,
  update_time timestamptz not null,
  check (state <> 'RESERVED' or version = 1),
  check (state not in ('RESERVED', 'CONFIRMED') or (lines <> '[]' and shortages = '[]')),
  check (state <> 'REJECTED' or shortages <> '[]')
);

create table stock_adjustment (
  idempotency_key text primary key,
  product_id text collate "C" not null references product,
  delta int not null check (delta <> 0),
  resulting_on_hand int not null check (resulting_on_hand >= 0),
  create_time timestamptz not null
);

-- The lists of first products that were already put in: none is ever put in twice.
create table catalogue_seed (
  name text primary key,
  create_time timestamptz not null
);
