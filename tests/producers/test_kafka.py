"""The partition of a key, against Kafka's own vectors."""

import pytest
from aiokafka.partitioner import DefaultPartitioner

from producers.kafka import Partitioner

# From UtilsTest.testMurmur2 of Apache Kafka: what the Java client computes.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "java"), JAVA.items())
@pytest.mark.parametrize("partitions", [1, 3, 8, 100])
def test_a_key_has_the_partition_that_java_gives_it(key: bytes, java: int, partitions: int) -> None:
    partitioner = Partitioner()
    assert partitioner.partition_of(key, partitions) == (java & 0x7FFFFFFF) % partitions
    assert partitioner(key, list(range(partitions)), []) == (java & 0x7FFFFFFF) % partitions


def test_forgotten_keys_keep_their_partition() -> None:
    partitioner, default = Partitioner(keys_max=2), DefaultPartitioner()
    for _ in range(2):
        for number in range(50):
            key = f"ACC-{number}".encode()
            assert partitioner.partition_of(key, 7) == default(key, list(range(7)), [])


def test_what_has_no_key_goes_to_an_available_partition() -> None:
    assert Partitioner()(None, [0, 1, 2], [1]) == 1
    assert Partitioner()(None, [2], []) == 2
