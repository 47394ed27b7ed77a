"""A swiftjaild under measurement, and what it does to its partitions."""

import glob
import json
import os
import signal
import socket
import subprocess
import time

from measurements import Failed, pss

KEEPER = "swiftjail-keep"


def wait(what, condition, seconds=600):
    """Waits until `condition` holds: what is measured takes longer than the pause between two looks."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s in vain: {what}")
        time.sleep(0.005)


class Supervisor:
    """A supervisor of its own, with its directories in `directory`."""

    def __init__(self, client, directory):
        self.client = client
        self.path = f"{client}d"
        self.root = os.path.join(directory, "root")
        self.definitions = os.path.join(directory, "definitions")
        self.log = os.path.join(directory, "log")
        for path in (self.root, self.definitions):
            os.makedirs(path)
        self.process = None

    # What it is told.

    def define(self, name, definition):
        """Defines partitions, or no more when `definition` is None, in one step."""
        path = os.path.join(self.definitions, f"{name}.json")
        if definition is None:
            os.remove(path)
            return
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump(definition, file)
        os.rename(f"{path}.new", path)

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [self.path, "--root", self.root, "--config", self.definitions],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it and its keepers, once nothing runs."""
        self.process.terminate()
        self.process.wait()
        wait("the keeper's end", lambda: not self.keepers(), 30)

    # What it says.

    def get(self, path):
        """The answer to a request; None when nobody is there."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(os.path.join(self.root, "swiftjaild.sock"))
                connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
            except OSError:
                return None
        return json.loads(answer.split(b"\r\n\r\n", 1)[1]) if answer.startswith(b"HTTP/1.1 200") else None

    def running(self):
        information = self.get("/info")
        return information["ContainersRunning"] if information else -1

    def known(self):
        information = self.get("/info")
        return information["Containers"] if information else -1

    def lines(self, name):
        """What a partition has written, as the log has it."""
        pattern = os.path.join(self.root, ".supervisor/logs", name, f"{name}-json.log")
        lines = []
        for path in glob.glob(pattern):
            with open(path, encoding="utf-8") as file:
                lines += [json.loads(line)["log"].strip() for line in file if line.endswith("\n")]
        return lines

    def pid(self, name):
        state = subprocess.run(
            [self.client, "--root", self.root, "state", name], capture_output=True, text=True, check=True
        )
        return json.loads(state.stdout)["pid"]

    # What it costs.

    def keepers(self):
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, encoding="utf-8") as file:
                    words = file.read().split("\0")
            except OSError:
                continue
            if words[0] == KEEPER and self.root in words:
                found.append(int(path.split("/")[2]))
        return found

    def processes(self):
        return [self.process.pid, *self.keepers()]

    def memory(self):
        """The PSS of the supervisor and its keepers, in KiB."""
        return sum(pss(pid) for pid in self.processes())

    def seconds(self):
        """The processor time of the supervisor and its keepers."""
        nanoseconds = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
                nanoseconds += int(file.read().split()[0])
        return nanoseconds / 1e9

    def remains(self):
        """What is there of partitions: files, cgroups, mounts."""
        found = glob.glob(f"{self.root}/*/state.json") + glob.glob(f"{self.root}/.partitions/*")
        found += glob.glob(f"{self.root}/.supervisor/partitions/*")
        found += glob.glob(f"{self.root}/.supervisor/logs/*")
        found += glob.glob("/sys/fs/cgroup/swiftjail/**/bench-*", recursive=True)
        with open("/proc/self/mounts", encoding="utf-8") as file:
            found += [line for line in file if "bench-" in line]
        return found


def end(pid):
    """Kills a process; returns when that was, by the monotonic clock in nanoseconds."""
    now = time.monotonic_ns()
    os.kill(pid, signal.SIGKILL)
    return now
