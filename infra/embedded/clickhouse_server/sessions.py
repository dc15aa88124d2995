"""The engine connection of a request: a new one, or the one its session keeps. Everything here blocks."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from infra.embedded.clickhouse_server.engine import Connection, Engine
from infra.embedded.clickhouse_server.errors import ClickHouseError
from infra.embedded.clickhouse_server.request import QueryRequest, SessionRequest

_KEPT_VERBS = ("SET", "USE")
_FIRST_DATABASE = b"USE default"


@dataclass
class _Session:
    connection: Connection
    expires_s: float
    busy: bool = True
    # What the client itself set: replayed after each request, whose own settings and database must not stay
    # behind.
    kept: list[bytes] = field(default_factory=lambda: [_FIRST_DATABASE])

    def keep(self, statement: bytes) -> None:
        """Remember a SET or USE of the client; the same one again only moves to the end."""
        self.kept = [*(earlier for earlier in self.kept if earlier != statement), statement]


class Lease:
    """A connection for one request, with that request's database and settings applied.

    `release` must be called once, whatever happened; `failed` tells it that the statement did not run.
    """

    def __init__(self, connection: Connection, leave: Callable[[bool], None] | None = None) -> None:
        self.connection = connection
        self._leave = leave

    def apply(self, query: QueryRequest) -> None:
        """Select the request's database and settings."""
        if query.database is not None:
            self.connection.use(query.database)
        self.connection.set(query.settings)

    def release(self, failed: bool) -> None:
        """Give the connection back to its session, or close it where it has none."""
        if self._leave is None:
            self.connection.close()
        else:
            self._leave(failed)


class Connections:
    """Hands out connections; `clock` gives seconds that only grow."""

    def __init__(self, engine: Engine, max_sessions: int, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._max_sessions = max_sessions
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._guard = threading.Lock()

    def lease(self, query: QueryRequest) -> Lease:
        """A connection set up for `query`.

        Raises:
            ClickHouseError: SESSION_IS_LOCKED while the session runs another query, SESSION_NOT_FOUND,
                TOO_MANY_SIMULTANEOUS_QUERIES where every session that could be closed is busy, or what the
                engine says about the database or a setting.
        """
        lease = self._lease(query)
        try:
            lease.apply(query)
        except BaseException:
            lease.release(failed=True)
            raise
        return lease

    def close_idle(self) -> None:
        """Close the sessions that outlived their timeout."""
        with self._guard:
            now = self._clock()
            over = [name for name, kept in self._sessions.items() if not kept.busy and kept.expires_s <= now]
            closed = [self._sessions.pop(name) for name in over]
        for session in closed:
            session.connection.close()

    def close(self) -> None:
        """Close every session."""
        with self._guard:
            sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            session.connection.close()

    def _lease(self, query: QueryRequest) -> Lease:
        if query.session is None:
            return Lease(self._engine.connect())
        session = self._enter(query.session)
        if query.settings.get("readonly", "0") == "0":
            return Lease(session.connection, partial(self._leave, query, query.session, session))
        # `readonly` cannot be taken back on a connection, so such a request runs beside the session, as the
        # session is set.
        try:
            beside = self._engine.connect()
            _replay(session.kept, beside)
        finally:
            session.busy = False
        return Lease(beside)

    def _enter(self, wanted: SessionRequest) -> _Session:
        with self._guard:
            session = self._sessions.get(wanted.session_id)
            if session is not None and session.busy:
                raise ClickHouseError(373, "SESSION_IS_LOCKED", f"Session {wanted.session_id} is locked by a concurrent client")
            if session is None or session.expires_s <= self._clock():
                session = self._begin(wanted, session)
            session.busy = True
            session.expires_s = self._clock() + wanted.idle_s
            return session

    def _begin(self, wanted: SessionRequest, expired: _Session | None) -> _Session:
        if expired is not None:
            del self._sessions[wanted.session_id]
            expired.connection.close()
        if wanted.must_exist:
            raise ClickHouseError(372, "SESSION_NOT_FOUND", f"Session {wanted.session_id} not found or expired")
        if len(self._sessions) >= self._max_sessions:
            self._close_longest_idle()
        session = _Session(self._engine.connect(), self._clock() + wanted.idle_s)
        self._sessions[wanted.session_id] = session
        return session

    def _close_longest_idle(self) -> None:
        idle = [name for name, session in self._sessions.items() if not session.busy]
        if not idle:
            raise ClickHouseError(
                202,
                "TOO_MANY_SIMULTANEOUS_QUERIES",
                f"All {self._max_sessions} sessions are busy: close some clients",
            )
        self._sessions.pop(min(idle, key=lambda name: self._sessions[name].expires_s)).connection.close()

    def _leave(self, query: QueryRequest, asked: SessionRequest, session: _Session, failed: bool) -> None:
        if not failed and query.statement.verb in _KEPT_VERBS:
            session.keep(query.statement.sql)
        try:
            if query.settings or query.database is not None:
                session.connection.reset(query.settings)
                _replay(session.kept, session.connection)
        except ClickHouseError:
            # Its state is no longer known: the client gets a new session with its next request.
            with self._guard:
                self._sessions.pop(asked.session_id, None)
            session.connection.close()
            return
        session.expires_s = self._clock() + asked.idle_s
        session.busy = False


def _replay(statements: list[bytes], connection: Connection) -> None:
    for statement in statements:
        connection.query(statement, "TabSeparated", {})
