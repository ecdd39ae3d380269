-- Who placed an order: it may be read and changed by that caller, and its key belongs to that caller alone. What was placed
-- before callers were known was placed by guests.

alter table orders add column placed_by text not null default 'guest';
create index orders_pending_of_customer on orders (customer_id) where status = 'PENDING';

alter table order_key add column placed_by text not null default 'guest';
alter table order_key drop constraint order_key_pkey;
alter table order_key add primary key (idempotency_key, placed_by);
