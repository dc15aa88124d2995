"""ClickHouse without a server to install: the chDB engine in one process, behind ClickHouse's own HTTP
interface.

One process alone may open a chDB folder, so this process owns it and everyone else (worker, trainer, feed,
dashboards) speaks HTTP to it, with the same client as in production. Run it with `python -m
infra.embedded.clickhouse_server`.

Each request runs on an engine connection of its own, so settings, `USE` and `SET` of one request never reach
another; a `session_id` keeps its connection (and its temporary tables) between requests. Queries run side by
side.

What a production server has and this one has not:

- users, roles, quotas and grants: there is one user, who may do everything (`currentUser()` says `default`),
  and table functions such as `file()` reach whatever the process may read; so it listens on loopback unless
  told otherwise;
- the native TCP protocol, HTTPS, replication and clusters (`ReplicatedMergeTree`, `ON CLUSTER`);
- `compress=1`, `decompress=1` (ClickHouse's own block compression), external data tables and
  `INSERT ... SELECT FROM input()`: refused with NOT_IMPLEMENTED; HTTP compression is there;
- `client_protocol_version`: Native is that of version 0 (clickhouse-connect probes for it and adapts), or
  from 54454 on that with block info and serialization flags (clickhouse-go: Grafana), and nothing else of any
  version;
- `query_id` is echoed but is not the engine's own: look in `system.processes` for that one before `KILL
  QUERY`;
- `system.query_log` and the other log tables, progress headers while a query runs, cancelling a query when
  its client goes away before the first block (afterwards it is cancelled);
- streaming of other formats than Native, TabSeparated, CSV, RowBinary and JSONCompactEachRow: they are built
  in memory, up to `ServerLimits.buffered_result_bytes`.
"""
