-- The notifications of synthetic orders, which are deleted after a while.

create index notification_synthetic on notification (create_time) where synthetic;
