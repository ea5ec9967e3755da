"""The question to a broker whose answer means ready: which brokers are there?

A broker lists itself only once the controller has let it in. The request (Metadata, version 4, no topics) is written by
hand because the clients are asynchronous and this must also work from inside a running event loop.
"""

import socket
import struct

from partita.local.ports import LOOPBACK

METADATA, VERSION, CORRELATION, NO_CLIENT_ID, NO_TOPICS, NO_CREATION = 3, 4, 1, -1, 0, False
REQUEST = struct.pack(">hhihi?", METADATA, VERSION, CORRELATION, NO_CLIENT_ID, NO_TOPICS, NO_CREATION)
ANSWER_START = struct.Struct(">iiii")  # size, correlation, throttle time, number of brokers
WITHIN_S = 2.0


def broker_answers(port: int) -> bool:
    """Whether the broker on this port answers and knows itself to be part of the cluster."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=WITHIN_S) as connection:
            connection.sendall(struct.pack(">i", len(REQUEST)) + REQUEST)
            start = connection.recv(ANSWER_START.size, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(start) == ANSWER_START.size and ANSWER_START.unpack(start)[3] > 0
