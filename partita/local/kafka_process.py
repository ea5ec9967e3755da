"""Kafka as a process of our own: one JVM, one node, on the loopback address."""

import signal

from partita.local.guarded import Order
from partita.local.kafka_home import PORT_COUNT, KafkaHome, copy_formatted, write_properties
from partita.local.kafka_probe import broker_answers
from partita.local.place import Place
from partita.local.ports import LOOPBACK
from partita.local.server import ServerProcess


class KafkaProcess(ServerProcess):
    """A broker; `kill` and `start` again keep its ports and its data.

    Clients that come in by `proxied_port` are told that the broker is at *proxy_port*, where somebody else passes their
    bytes on to `proxied_port`. Without a proxy nobody comes that way.
    """

    name = "Kafka"
    port_count = PORT_COUNT
    answers_within_s = 60.0
    orderly = signal.SIGTERM
    at_once = signal.SIGKILL

    def __init__(self, *, home: KafkaHome, place: Place, proxy_port: int = 0) -> None:
        super().__init__(given_up=place.given_up, log=place.data / "kafka.log")
        self._proxy_port = proxy_port
        self.home = home
        self._place = place
        self._data = place.data / "kafka"
        self.properties = place.run / "server.properties"

    @property
    def bootstrap(self) -> str:
        """The address clients start from."""
        return f"{LOOPBACK}:{self.ports[0]}"

    @property
    def proxied_port(self) -> int:
        """The port a proxy passes bytes on to."""
        return self.ports[2]

    def answers(self) -> bool:
        """Whether the broker lists itself."""
        return broker_answers(self.ports[0])

    def order(self) -> Order:
        """Run the broker on these ports and this data."""
        self.write_files()
        return self.order_for(self.home.broker_command(self.properties))

    def write_files(self) -> None:
        """Write the properties, and the data directory if it is not there."""
        if not self._data.is_dir():
            copy_formatted(self.home, self._data)
        proxy_port = self._proxy_port or self.proxied_port
        write_properties(self.properties, data=self._data, ports=self.ports, proxy_port=proxy_port)

    def order_for(self, command: list[str]) -> Order:
        """Say how a broker with this command line is to be run and ended."""
        return Order(
            name=self.name,
            argv=command,
            cwd=self._place.run,
            log=self.log,
            end_signal=self.at_once if self._place.temporary else self.orderly,
            end_within_s=self.orderly_within_s,
            pass_fds=self._place.held,
        )
