-- Since when a synthetic reservation can be deleted. Tombstones never can. The column is null for real orders, whatever their state:
-- an update that leaves it null changes no indexed column, so it stays a HOT update.

alter table reservation add column disposable_since timestamptz
  generated always as (case when synthetic and state in ('CONFIRMED', 'REJECTED') then update_time end) stored;
create index reservation_disposable on reservation (disposable_since) where disposable_since is not null;
