"""An asyncio server whose handler returns at end of file without writer.close(), and keeps the writer in a list."""
import asyncio

from zoo import CLOSE_WAIT, listen, ready, state, until, visit

listener = listen()
clients = []


async def handle(reader, writer):
    clients.append(writer)
    while await reader.read(64):
        pass
    conn = writer.get_extra_info("socket")
    until(lambda: state(conn) == CLOSE_WAIT)
    ready("close-wait-unwatched", conn, claims=["C16"], why=["certain|cannot|may |may or may not|whether"])


async def main():
    server = await asyncio.start_server(handle, sock=listener)
    await server.serve_forever()


visit(listener, lambda sock: (sock.send(b"hello"), sock.close()))
asyncio.run(main())
