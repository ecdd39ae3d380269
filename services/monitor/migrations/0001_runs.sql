-- The runs of journeys, and their schedule.

create table run (
  run_id uuid primary key,
  -- Null for a scheduled run.
  idempotency_key text unique,
  journey text not null check (journey in ('ORDER', 'DECLINE', 'CANCEL', 'QUOTE')),
  -- Null until the run ends.
  result text check (result in ('SUCCEEDED', 'FAILED')),
  failure_reason text not null default '',
  order_id text not null default '',
  trace_id text not null default '',
  -- Whole milliseconds, so that a page token holds it exactly.
  start_time timestamptz not null default date_trunc('milliseconds', now()),
  duration_ms int,
  constraint run_ended_has_duration check ((result is null) = (duration_ms is null)),
  constraint run_failed_has_reason check ((result is not distinct from 'FAILED') = (failure_reason <> ''))
);
create index run_newest on run (start_time desc, run_id desc) where result is not null;
create index run_running on run (start_time) where result is null;

-- One row per journey: the replica that moves next_time forward runs it, so it runs once per interval whatever the number of replicas.
create table journey_schedule (
  journey text primary key,
  next_time timestamptz not null
);
