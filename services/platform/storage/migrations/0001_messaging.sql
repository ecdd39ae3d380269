-- The outbox, the inbox and the dead letters of every service.

create table outbox (
  event_id uuid primary key,
  subject text not null,
  payload bytea not null,
  headers jsonb not null,
  create_time timestamptz not null default now(),
  sent_time timestamptz
);
create index outbox_unsent on outbox (create_time) where sent_time is null;
create index outbox_sent on outbox (sent_time) where sent_time is not null;

create table inbox (
  event_id uuid primary key,
  receive_time timestamptz not null default now()
);
create index inbox_receive_time on inbox (receive_time);

-- How often applying an event has failed; the row is deleted when the event is applied or becomes a dead letter.
create table event_failure (
  stream text not null,
  event_id uuid not null,
  attempts int not null,
  error text not null,
  update_time timestamptz not null default now(),
  primary key (stream, event_id)
);

create table dead_letter (
  dead_letter_id uuid primary key,
  stream text not null,
  event_id text not null,
  subject text not null,
  payload bytea not null,
  headers jsonb not null,
  error text not null,
  attempts int not null,
  trace_id text not null,
  create_time timestamptz not null default now(),
  unique (stream, event_id)
);
