"""Start the embedded ClickHouse: `python -m infra.embedded.clickhouse_server --data-dir D --port P`.

The password is read from the environment variable HIGHLIGHTS_CLICKHOUSE_PASSWORD, never from the command
line.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import chdb
from aiohttp import web

from infra.embedded.clickhouse_server.authentication import Account
from infra.embedded.clickhouse_server.disk_reserve import DiskReserve
from infra.embedded.clickhouse_server.engine import DataFolderInUseError, Engine
from infra.embedded.clickhouse_server.limits import ServerLimits
from infra.embedded.clickhouse_server.service import Service
from infra.embedded.clickhouse_server.sessions import Connections

PASSWORD_VARIABLE = "HIGHLIGHTS_CLICKHOUSE_PASSWORD"
_CHECK_S = 1.0
# Killed queries need a moment to tell their clients so.
_KILL_GRACE_S = 10.0
# Threads beside those that run queries: decompression and closing must not wait for a slow query.
_SPARE_THREADS = 4

log = logging.getLogger("infra.embedded.clickhouse_server")


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit status 1 with one line where it cannot start."""
    arguments = _parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    password = os.environ.pop(PASSWORD_VARIABLE, "")
    if not password:
        sys.exit(f"{PASSWORD_VARIABLE} is not set: give the password of user {arguments.user!r} in the environment")
    try:
        limits = ServerLimits(disk_reserve_bytes=arguments.disk_reserve_bytes)
        asyncio.run(_serve(arguments, Account(arguments.user, password), limits))
    except (DataFolderInUseError, OSError) as error:
        sys.exit(str(error))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.embedded.clickhouse_server", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the data; one server per folder")
    parser.add_argument("--port", type=int, required=True, help="TCP port of the HTTP interface")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--user", default="highlights", help="name of the server's only user")
    parser.add_argument(
        "--disk-reserve-bytes",
        type=int,
        default=ServerLimits.disk_reserve_bytes,
        help="inserts are refused while less is free on the disk (default: %(default)s)",
    )
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace, account: Account, limits: ServerLimits) -> None:
    # chDB installs handlers of its own when it is imported, which would turn a SIGTERM into an abort.
    chdb._chdb.reset_signal_handlers()
    chdb._chdb.set_signal_handlers_enabled(0)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    engine = Engine(arguments.data_dir)
    reserve = DiskReserve(arguments.data_dir, limits.disk_reserve_bytes)
    connections = Connections(engine, limits.sessions, time.monotonic)
    threads = ThreadPoolExecutor(limits.reads + limits.writes + _SPARE_THREADS, thread_name_prefix="query")
    application = Service(engine, connections, account, limits, reserve, threads).application()
    # Bodies are decompressed by `compression`, for lz4 and for the limit.
    runner = web.AppRunner(
        application,
        auto_decompress=False,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=limits.shutdown_s + _KILL_GRACE_S,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, arguments.host, arguments.port).start()
        log.info("ClickHouse %s on http://%s:%d", engine.version, arguments.host, arguments.port)
        await _until_stopped(stopped, connections.close_idle, lambda: reserve.watch(engine))
    finally:
        kill = asyncio.get_running_loop().call_later(limits.shutdown_s, threads.submit, engine.kill_queries)
        await runner.cleanup()
        kill.cancel()
        threads.shutdown()
        connections.close()
        engine.close()
        log.info("stopped, data closed")


async def _until_stopped(stopped: asyncio.Event, *checks: Callable[[], None]) -> None:
    while not stopped.is_set():
        try:
            await asyncio.wait_for(stopped.wait(), _CHECK_S)
        except TimeoutError:
            for check in checks:
                await asyncio.to_thread(check)


if __name__ == "__main__":
    main()
