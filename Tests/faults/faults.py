"""What goes wrong, each in a thread of its own until it is ended."""

import errno
import os
import random
import socket
import threading
import time


class Fault(threading.Thread):
    def __init__(self, site):
        super().__init__(daemon=True)
        self.site = site
        self.count = 0
        self._over = threading.Event()

    def run(self):
        while not self._over.is_set():
            self.happen()

    def wait(self, least, most):
        self._over.wait(random.uniform(least, most))

    @property
    def is_over(self):
        return self._over.is_set()

    def end(self):
        self._over.set()
        self.join()

    def rows(self):
        return [(self.NAME, self.count)]


class Kills(Fault):
    """The supervisor is killed, at any moment: also before it is ready."""

    NAME = "times that swiftjaild was killed"

    def happen(self):
        self.wait(0.05 if random.random() < 0.2 else 1, 5)
        self.site.kill()
        self.count += 1
        if random.random() < 0.3:
            self.wait(0, 2)
        if not self.is_over:
            self.site.launch(waiting=random.random() < 0.8)


class DiskFill(Fault):
    """The disk of the records is full, and has room again."""

    NAME = "times that the disk was full"

    def happen(self):
        self.wait(3, 10)
        path = f"{self.site.disk}/ballast"
        end = time.monotonic() + random.uniform(1, 6)
        with open(path, "ab", buffering=0) as file:
            block = bytes(1 << 20)
            while not self.is_over and time.monotonic() < end:
                try:
                    # What somebody else gives back is taken as well, down to the last page.
                    file.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    if len(block) > 4096:
                        block = bytes(4096)
                    else:
                        time.sleep(0.01)
        self.count += 1
        os.remove(path)


class Flood(Fault):
    """Clients send half of a request, or what is none, and stay or go."""

    NAME = "broken connections"

    REQUESTS = [
        b"GET /containers/json HTTP/1.1\r\nHost: lo",
        b"POST /containers/create HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{\"Image\":",
        b"POST /containers/create HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"GET /events?since=0 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /containers/json?all=1 HTTP/1.1\r\nHost: a\r\n\r\n" * 50,
        b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\r\n" * 1000,
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n", b"",
    ]

    def __init__(self, site):
        super().__init__(site)
        self.open = []

    def happen(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(0.2)
        try:
            client.connect(self.site.socket)
            request = random.choice(self.REQUESTS + [os.urandom(random.randrange(1, 5000))])
            client.sendall(request)
            self.count += 1
        except OSError:
            pass
        self.open.append(client)
        if len(self.open) > 60:
            self.open.pop(random.randrange(len(self.open))).close()
        self.wait(0, 0.02)

    def end(self):
        super().end()
        for client in self.open:
            client.close()


class Starts(Fault):
    """Somebody starts again what has ended for good, unless that is refused."""

    NAME = "starts asked for by hand"

    def __init__(self, site):
        super().__init__(site)
        # By name: those that were answered, and those of which nobody knows.
        self.certain = {}
        self.uncertain = {}

    def happen(self):
        self.wait(0.5, 2)
        ended = [name for name, state in self.site.list().items()
                 if state == "exited" and self.site.kind(name) in ("no", "onfailure")]
        for name in random.sample(ended, min(len(ended), 1 + len(ended) // 4)):
            if self.is_over:
                return
            status, _ = self.site.ask("POST", f"/containers/{name}/start", timeout=20)
            self.count += 1
            if status == 204:
                self.certain[name] = self.certain.get(name, 0) + 1
            elif status == 0:
                self.uncertain[name] = self.uncertain.get(name, 0) + 1


class Stops(Fault):
    """Somebody stops a partition that is started again unless it is stopped, and starts it later."""

    NAME = "stops asked for by hand"

    def __init__(self, site):
        super().__init__(site)
        self.touched = set()
        self.violations = []

    def happen(self):
        self.wait(0.5, 2)
        running = [name for name, state in self.site.list().items()
                   if state == "running" and self.site.kind(name) == "unless"]
        names = random.sample(running, min(len(running), 1 + len(running) // 20))
        self.touched.update(names)
        stopped = [name for name in names
                   if self.site.ask("POST", f"/containers/{name}/stop", timeout=20)[0] == 204]
        self.count += len(stopped)
        self.wait(1, 8)
        states = self.site.list()
        self.violations += [f"{name}: it was stopped, and is {states[name]}"
                            for name in stopped if states.get(name, "exited") != "exited"]
        while names:
            names = [name for name in names
                     if self.site.ask("POST", f"/containers/{name}/start", timeout=20)[0] not in (204, 304)]
            time.sleep(0.2)
