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

create function count_sold_minutes() returns trigger language plpgsql as $$
begin
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

-- Triggers run in the order of their names: every statement locks its sums before its minutes, so no two can deadlock. Creating one waits
-- for running writers and blocks others until the commit: no row is missed or added twice.
create trigger count_sold_minutes after insert on order_step referencing new table as inserted
  for each statement execute function count_sold_minutes();

insert into sold_minute (generation, start_time)
  select distinct generation, start_time from step_sum where unit = 'minute' and step = 'CONFIRMED';
insert into sold_day (generation, start_time, minutes)
  select generation, date_trunc('day', start_time, 'UTC'), count(*) from sold_minute group by 1, 2;
