"""PostgreSQL 18 as a process of our own, on the loopback address and on a Unix socket."""

import contextlib
import os
import signal
import subprocess
import time

from partita.local.guarded import KILLED_WITHIN_S, Order
from partita.local.place import Place
from partita.local.ports import LOOPBACK
from partita.local.postgres_cluster import (
    DATABASE,
    USER,
    configure,
    create_cluster,
    give_directory,
    name_of,
    password_of,
)
from partita.local.postgres_home import PostgresHome
from partita.local.process_table import children_of, living
from partita.local.server import LOOK_AGAIN_S, ServerProcess


class PostgresProcess(ServerProcess):
    """A PostgreSQL server; `kill` and `start` again keep its port, its password and its data."""

    name = "PostgreSQL"
    port_count = 1
    answers_within_s = 60.0
    orderly = signal.SIGINT  # "fast": open transactions are rolled back, nobody is waited for
    at_once = signal.SIGQUIT  # "immediate": SIGKILL would leave backends and shared memory behind

    def __init__(self, *, home: PostgresHome, place: Place) -> None:
        super().__init__(given_up=place.given_up, log=place.data / "postgresql.log")
        self._home = home
        self._place = place
        self._data = place.data / "postgresql"
        self.socket_directory = place.run / "socket"

    @property
    def url(self) -> str:
        """The URL of the database, password included."""
        return f"postgresql://{USER}:{password_of(self._data)}@{LOOPBACK}:{self.ports[0]}/{DATABASE}"

    def stop_immediately(self) -> None:
        """Stop as `pg_ctl stop -m immediate` does: sessions end at once, the next start recovers from the WAL."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """Kill the server and its sessions with SIGKILL, as a crash of the machine would.

        Sessions die with their server by themselves only when they next look, and until then no new server may start.
        """
        sessions = children_of(self.pid)
        super().kill()
        for pid in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + KILLED_WITHIN_S
        while living(sessions) and time.monotonic() < deadline:
            time.sleep(LOOK_AGAIN_S)

    def answers(self) -> bool:
        """Whether the server takes connections."""
        # Over the socket, which is ours alone: on a port that was taken, a stranger might answer.
        asked = [self._home.program("pg_isready"), "-q", "-h", str(self.socket_directory), "-p", str(self.ports[0])]
        return subprocess.run(asked, check=False).returncode == 0  # noqa: S603 - our own words; it gives up by itself

    def order(self) -> Order:
        """Make the data directory if it is not there, refresh its configuration, and write the command line."""
        if not self._data.is_dir():
            create_cluster(self._home, self._place, self._data)
        configure(self._data, self._place)
        give_directory(self.socket_directory, self._place)
        return Order(
            name=self.name,
            argv=[self._home.program("postgres"), "-D", name_of(self._data), *self._options()],
            cwd=self._data,
            log=self.log,
            end_signal=self.at_once if self._place.temporary else self.orderly,
            end_within_s=self.orderly_within_s,
            account=dict(self._place.account.switch),
            pass_fds=self._place.held,
        )

    def _options(self) -> list[str]:
        listen = {
            "port": self.ports[0],
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": self.socket_directory,
        }
        return [f"--{name}={value}" for name, value in listen.items()]
