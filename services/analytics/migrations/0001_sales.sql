-- The sales projection: the steps of orders and the lines sold, from the events of all services. Every sum is computed from these rows;
-- a row is stored once, in any order of delivery and with duplicates.

-- One build of all rows from the streams. During a rebuild the previous generation is served.
create table generation (
  generation int primary key check (generation > 0),
  state text not null check (state in ('BUILDING', 'SERVING', 'RETIRED')),
  -- The key of its rebuild; null for the first generation.
  idempotency_key text unique,
  -- The streams whose consumer was reset to the start, by producer, and the last sequence each had then: {"order": 17}.
  rewound jsonb not null default '{}',
  start_time timestamptz not null default now(),
  finish_time timestamptz
);
create unique index generation_in_use on generation (state) where state in ('BUILDING', 'SERVING');
insert into generation (generation, state, finish_time) values (1, 'SERVING', now());

create table order_step (
  generation int not null,
  order_id text not null,
  step text not null check (step in ('CREATED', 'RESERVED', 'SHORT', 'PAID', 'DECLINED', 'CONFIRMED', 'NOTIFIED', 'FAILED',
    'CANCELLED', 'RELEASED', 'REFUNDED')),
  -- The time of the step, from the event.
  time timestamptz not null,
  -- Synthetic orders have only the first step, and are counted separately.
  synthetic boolean not null check (not synthetic or step = 'CREATED'),
  -- Why a FAILED order failed: a number of shop.order.v1.OrderReason.
  reason int check ((reason is not null) = (step = 'FAILED')),
  -- The total of a CONFIRMED order.
  currency_code text,
  total_minor bigint check (total_minor >= 0),
  primary key (generation, order_id, step),
  constraint order_step_confirmed_has_total
    check ((step = 'CONFIRMED') = (total_minor is not null) and (step = 'CONFIRMED') = (currency_code is not null))
);
create index order_step_time on order_step (generation, time)
  include (step, synthetic, reason, currency_code, total_minor);

-- The products of CONFIRMED orders.
create table sale_line (
  generation int not null,
  order_id text not null,
  product_id text not null,
  time timestamptz not null,
  quantity bigint not null check (quantity > 0),
  currency_code text not null,
  gross_minor bigint not null check (gross_minor >= 0),
  primary key (generation, order_id, product_id)
);
create index sale_line_time on sale_line (generation, time) include (product_id, quantity, currency_code, gross_minor);

-- The names of products, each of its newest version.
create table product_name (
  generation int not null,
  product_id text not null,
  name text not null,
  version bigint not null,
  time timestamptz not null,
  primary key (generation, product_id)
);
