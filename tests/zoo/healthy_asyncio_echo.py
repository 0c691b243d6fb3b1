"""An asyncio echo server with 200 live connections, one of which speaks now and then."""
import asyncio
import time

from zoo import listen, ready, visit

listener = listen(backlog=256)


def speak(sock):
    if sock.fileno() % 20 == 0:
        sock.send(b"hello")
        sock.recv(64)
        time.sleep(0.01)


async def handle(reader, writer):
    global here
    here += 1
    if here == 200:
        ready(None)
    while data := await reader.read(64):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(handle, sock=listener)
    await server.serve_forever()


here = 0
visit(listener, speak, count=200)
asyncio.run(main())
