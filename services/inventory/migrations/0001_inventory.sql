-- Products and their stock, the reservations of orders, and the adjustments of stock.

create table product (
  product_id text collate "C" primary key,
  name text not null,
  currency_code text not null,
  unit_price_minor bigint not null check (unit_price_minor >= 0),
  -- Units in the warehouse, reserved ones included.
  on_hand int not null,
  reserved int not null default 0 check (reserved >= 0),
  sold bigint not null default 0 check (sold >= 0),
  -- Incremented by every change of name or price, not of stock.
  version bigint not null default 1,
  update_time timestamptz not null,
  constraint product_stock_suffices check (on_hand >= reserved)
-- Every reservation rewrites a row: free space on its page allows a HOT update, which leaves the index alone.
) with (fillfactor = 50);

-- One row per order, never deleted: it outlives every late or duplicate request for that order.
create table reservation (
  order_id text primary key,
  reservation_id uuid not null unique,
  state text not null check (state in ('RESERVED', 'REJECTED', 'RELEASED', 'CONFIRMED')),
  -- What the order asked for, by product_id: [{product_id, quantity}]. Empty for a tombstone.
  lines jsonb not null,
  -- The shortages of a rejection: [{product_id, requested, available}].
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

-- The initial catalogues that were inserted, so that none is inserted twice.
create table catalogue_seed (
  name text primary key,
  create_time timestamptz not null
);
