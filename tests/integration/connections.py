"""What connections cost: threads, memory and processor time of the server, seen from outside. A measurement, no test.

python3 tests/integration/connections.py --idle 10000 --streams 1000

The server's memory is counted (VmRSS), not what the kernel keeps for a socket. Each idle connection has had one answer.
"""

import argparse
import os
import resource
import socket
import sys
import time

from puna import Server, SLOW_MODEL

WATCHED_SECONDS = 15


def status(server, name):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))


def processor_seconds(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_idle(server):
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert sock.recv(4096).startswith(b"HTTP/1.1 200")
    return sock


def idle_share(server):
    """Of one core, while nothing happens."""
    begin, used = time.monotonic(), processor_seconds(server)
    time.sleep(WATCHED_SECONDS)
    return (processor_seconds(server) - used) / (time.monotonic() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=10000)
    parser.add_argument("--streams", type=int, default=1000)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Server("--max-connections", str(options.idle + options.streams + 100), "--max-waiting", str(options.streams + 100),
                "--keep-alive-timeout-s", "600", *SLOW_MODEL) as server:
        first = open_idle(server)
        before = status(server, "VmRSS")
        held = [open_idle(server) for _ in range(options.idle)]
        kib = (status(server, "VmRSS") - before) / max(1, options.idle)
        print(f"{options.idle} idle connections: {status(server, 'Threads')} threads, {kib:.2f} KiB each, "
              f"{idle_share(server):.2%} of a core")
        body = {"prompt": "Hello", "ignore_eos": True, "max_tokens": 100, "stream": True}
        streams = [server.open_stream("/v1/completions", body) for _ in range(options.streams)]
        begun = sum(sock.recv(15).startswith(b"HTTP/1.1 200") for sock in streams)
        print(f"{begun} streams beside them: {status(server, 'Threads')} threads")
        for sock in [first, *held, *streams]:
            sock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
