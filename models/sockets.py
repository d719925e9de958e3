"""Connections to the stores, below their drivers."""

import asyncio
import socket
import struct


def reset_at_the_end(writer: asyncio.StreamWriter, reset: bool = True) -> None:
    """Let a connection, however it ends, drop what it has not delivered (ABORT in RFC 9293, section 3.10.5).

    Otherwise the system would deliver a statement when a broken network is whole again, though its caller has given up
    long ago, and overwrite what was acknowledged meanwhile through another connection.
    """
    linger = struct.pack("ii", reset, 0)  # on or off, seconds (socket(7))
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
