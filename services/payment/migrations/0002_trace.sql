-- The call that asked for the payment: what the background does for it later belongs to the same trace.

alter table charge add column traceparent text not null default '';
