-- No statistics of a few reservations: the plans that they lead to read all reservations, and are kept while those grow, until the next statistics.
-- Without any, Postgres plans for a table of some hundred rows.

alter table reservation set (autovacuum_analyze_threshold = 2000, autovacuum_vacuum_threshold = 2000);
