-- The pruner finds old failures, and operators list dead letters, without reading all of them.

create index event_failure_update_time on event_failure (update_time);
create index dead_letter_oldest on dead_letter (create_time, dead_letter_id);
