-- The trace of the call that requested the payment; the background continues it.

alter table charge add column traceparent text not null default '';
