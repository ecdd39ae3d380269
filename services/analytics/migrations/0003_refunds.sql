-- Refunds: the step of a refunded order has its total, as that of a confirmed one. Its sums are kept by the triggers of all steps.

alter table order_step
  drop constraint order_step_step_check,
  add constraint order_step_step_check check (step in ('CREATED', 'RESERVED', 'SHORT', 'PAID', 'DECLINED', 'CONFIRMED', 'NOTIFIED',
    'FAILED', 'CANCELLED', 'RELEASED', 'REFUNDED', 'ORDER_REFUNDED')),
  drop constraint order_step_confirmed_has_total,
  add constraint order_step_has_total check (
    (step in ('CONFIRMED', 'ORDER_REFUNDED')) = (total_minor is not null)
    and (step in ('CONFIRMED', 'ORDER_REFUNDED')) = (currency_code is not null)
  );
