-- The sums that summaries read: of each minute and of each day in UTC, so that a summary costs the minutes and days of its span, not its
-- orders. Triggers add every row that a statement inserts, in that statement, whichever version of the service runs it. Rows that were
-- stored before are not inserted, so they are not added.

create table step_sum (
  generation int not null,
  unit text not null check (unit in ('minute', 'day')),
  start_time timestamptz not null,
  step text not null,
  synthetic boolean not null,
  -- 0 unless the step is FAILED.
  reason int not null,
  -- Empty unless the step is CONFIRMED.
  currency_code text not null,
  orders bigint not null,
  total_minor numeric not null,
  primary key (generation, unit, start_time, step, synthetic, reason, currency_code)
-- Free space on the page allows a HOT update: only sums change.
) with (fillfactor = 70);
create index step_sum_sold on step_sum (generation, start_time) where unit = 'minute' and step = 'CONFIRMED';

create table product_sum (
  generation int not null,
  unit text not null check (unit in ('minute', 'day')),
  start_time timestamptz not null,
  product_id text not null,
  currency_code text not null,
  quantity numeric not null,
  gross_minor numeric not null,
  primary key (generation, unit, start_time, product_id, currency_code)
) with (fillfactor = 70);

-- One order of locks for all statements: confirmed orders after the other steps, as the service stores them. So no two can deadlock.
create function add_step_sums() returns trigger language plpgsql as $$
begin
  insert into step_sum as known (generation, unit, start_time, step, synthetic, reason, currency_code, orders, total_minor)
    select generation, unit, date_trunc(unit, time, 'UTC'), step, synthetic, coalesce(reason, 0), coalesce(currency_code, ''),
      count(*), coalesce(sum(total_minor), 0)
    from inserted cross join unnest(array['minute', 'day']) as unit
    group by 1, 2, 3, 4, 5, 6, 7
    order by step = 'CONFIRMED', 1, 2, 3, 4, 5, 6, 7
    on conflict (generation, unit, start_time, step, synthetic, reason, currency_code)
    do update set orders = known.orders + excluded.orders, total_minor = known.total_minor + excluded.total_minor;
  return null;
end $$;

create function add_product_sums() returns trigger language plpgsql as $$
begin
  insert into product_sum as known (generation, unit, start_time, product_id, currency_code, quantity, gross_minor)
    select generation, unit, date_trunc(unit, time, 'UTC'), product_id, currency_code, sum(quantity), sum(gross_minor)
    from inserted cross join unnest(array['minute', 'day']) as unit
    group by 1, 2, 3, 4, 5
    order by 1, 2, 3, 4, 5
    on conflict (generation, unit, start_time, product_id, currency_code)
    do update set quantity = known.quantity + excluded.quantity, gross_minor = known.gross_minor + excluded.gross_minor;
  return null;
end $$;

-- Creating a trigger waits for running writers and blocks others until the commit: no row is missed or added twice.
create trigger add_step_sums after insert on order_step referencing new table as inserted
  for each statement execute function add_step_sums();
create trigger add_product_sums after insert on sale_line referencing new table as inserted
  for each statement execute function add_product_sums();

insert into step_sum (generation, unit, start_time, step, synthetic, reason, currency_code, orders, total_minor)
  select generation, unit, date_trunc(unit, time, 'UTC'), step, synthetic, coalesce(reason, 0), coalesce(currency_code, ''),
    count(*), coalesce(sum(total_minor), 0)
  from order_step cross join unnest(array['minute', 'day']) as unit
  group by 1, 2, 3, 4, 5, 6, 7;
insert into product_sum (generation, unit, start_time, product_id, currency_code, quantity, gross_minor)
  select generation, unit, date_trunc(unit, time, 'UTC'), product_id, currency_code, sum(quantity), sum(gross_minor)
  from sale_line cross join unnest(array['minute', 'day']) as unit
  group by 1, 2, 3, 4, 5;
