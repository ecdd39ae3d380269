-- The runs of one journey, newest first, however seldom it runs.

create index run_of_journey on run (journey, start_time desc, run_id desc) where result is not null;
