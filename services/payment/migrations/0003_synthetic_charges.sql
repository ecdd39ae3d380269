-- The synthetic charges that are deleted after a while. Tombstones are kept, so they are left out.

create index charge_synthetic on charge (update_time) where synthetic and status in ('COMPLETED', 'DECLINED');
