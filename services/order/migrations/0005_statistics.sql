-- No statistics of a few orders: the plans that they lead to read all orders, and are kept while those grow, until the next statistics.
-- Without any, Postgres plans for a table of some hundred rows.

alter table orders set (autovacuum_analyze_threshold = 2000, autovacuum_vacuum_threshold = 2000);
