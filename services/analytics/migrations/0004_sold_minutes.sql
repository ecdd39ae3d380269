-- The minutes with confirmed orders, and how many of them each day has. So a summary finds the newest minutes of its span, and the number
-- of the others, without reading those.

create table sold_minute (
  generation int not null,
  start_time timestamptz not null,
  primary key (generation, start_time)
);

create table sold_day (
  generation int not null,
  start_time timestamptz not null,
  minutes int not null,
  primary key (generation, start_time)
) with (fillfactor = 70);

-- Waits for running writers and blocks others until the commit: each row is counted by the statement below or by the new function.
lock table order_step in share row exclusive mode;

create or replace function add_step_sums() returns trigger language plpgsql as $$
begin
  insert into step_sum as known (generation, unit, start_time, step, synthetic, reason, currency_code, orders, total_minor)
    select generation, unit, date_trunc(unit, time, 'UTC'), step, synthetic, coalesce(reason, 0), coalesce(currency_code, ''),
      count(*), coalesce(sum(total_minor), 0)
    from inserted cross join unnest(array['minute', 'day']) as unit
    group by 1, 2, 3, 4, 5, 6, 7
    order by step = 'CONFIRMED', 1, 2, 3, 4, 5, 6, 7
    on conflict (generation, unit, start_time, step, synthetic, reason, currency_code)
    do update set orders = known.orders + excluded.orders, total_minor = known.total_minor + excluded.total_minor;
  if exists (select from inserted where step = 'CONFIRMED') then
    -- A minute that another transaction adds at the same time is waited for, so that one of them counts it.
    with added as (
      insert into sold_minute (generation, start_time)
        select distinct generation, date_trunc('minute', time, 'UTC') from inserted where step = 'CONFIRMED'
        order by 1, 2
        on conflict do nothing returning generation, start_time
    )
    insert into sold_day as known (generation, start_time, minutes)
      select generation, date_trunc('day', start_time, 'UTC'), count(*) from added
      group by 1, 2
      order by 1, 2
      on conflict (generation, start_time) do update set minutes = known.minutes + excluded.minutes;
  end if;
  return null;
end $$;

insert into sold_minute (generation, start_time)
  select distinct generation, start_time from step_sum where unit = 'minute' and step = 'CONFIRMED';
insert into sold_day (generation, start_time, minutes)
  select generation, date_trunc('day', start_time, 'UTC'), count(*) from sold_minute group by 1, 2;
