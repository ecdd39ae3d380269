-- Synthetic orders and their keys are few and are deleted soon: partial indexes find them, and cost real orders nothing.

alter table order_key add column synthetic boolean not null default false;
update order_key set synthetic = true from orders where orders.order_id = order_key.order_id and orders.synthetic;
create index order_key_synthetic on order_key (create_time) where synthetic;
create index order_key_of_synthetic_order on order_key (order_id) where synthetic;
create index orders_synthetic on orders (update_time) where synthetic and resume_time is null;
