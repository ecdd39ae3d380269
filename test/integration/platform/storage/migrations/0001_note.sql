-- The one table of the tiny service that the platform is tried with.
create table note (
  order_id text not null,
  body text not null default ''
);
