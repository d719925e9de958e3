"""Connections to the stores, below their drivers."""

import asyncio
import socket
import struct

_DROP_UNSENT = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds (socket(7))


def abort(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and send nothing that still waits to be sent (ABORT in RFC 9293, section 3.10.5).

    After a break of the network the system would deliver a statement that its caller has given up long ago. It would
    overwrite what was written and acknowledged meanwhile through another connection.
    """
    if not writer.is_closing():
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)
        writer.transport.abort()
