-- Refunded orders: confirmed ones that owe, or have had, a refund. Their verdict stays CONFIRM, their stock stays sold. One statement, so
-- that the rows are read once while the table is locked.

alter table orders
  drop constraint orders_status_check,
  add constraint orders_status_check check (status in ('PENDING', 'CONFIRMED', 'FAILED', 'CANCELLED', 'REFUNDED')),
  add constraint orders_refunded_was_confirmed check (status <> 'REFUNDED' or (verdict = 'CONFIRM' and not release_owed)),
  -- A replica of the version before takes every order with the verdict CONFIRM for one to be confirmed. This refuses to make a refunded
  -- order CONFIRMED again, and leaves it to a newer replica.
  add constraint orders_confirmed_owes_nothing check (status <> 'CONFIRMED' or not (release_owed or refund_owed));
