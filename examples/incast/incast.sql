-- SPDX-License-Identifier: GPL-2.0-or-later
-- Which milliseconds were an incast: several hosts that sent at once to one that could not take it?
--
-- Windows are aligned to the wall clock on every host, so recordings of `pkttop record` join by
-- time alone. Counter `out` stands on the senders, `in` on the receiver. Run it where they lie:
--
--     duckdb < incast.sql
--
-- For .csv or .parquet alike; the periods may differ as long as they divide a millisecond.
WITH burst AS (
    -- What is a burst of one sender: half of a 10G link, for a millisecond.
    SELECT 5.0 AS gbit_per_s
), milliseconds AS (
    SELECT host, counter, timestamp_ns // 1000000 AS ms, sum(bytes) * 8 / 1e6 AS gbit_per_s
    FROM read_csv('*.csv')
    -- Of merged windows nobody knows which carried how much.
    WHERE merged = 0
    GROUP BY ALL
)
SELECT make_timestamp_ns((o.ms * 1000000)::BIGINT)                       AS at_utc,
       count(*)                                                          AS senders,
       string_agg(o.host, ' ' ORDER BY o.host)                           AS who,
       round(sum(o.gbit_per_s), 2)                                       AS sent_gbit_per_s,
       round(coalesce(any_value(i.gbit_per_s), 0), 2)                    AS received_gbit_per_s
FROM milliseconds o
LEFT JOIN milliseconds i ON i.ms = o.ms AND i.counter = 'in'
WHERE o.counter = 'out' AND o.gbit_per_s >= (SELECT gbit_per_s FROM burst)
GROUP BY o.ms
HAVING count(*) >= 3
ORDER BY at_utc;
