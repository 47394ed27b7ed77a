"""A supervisor of its own with its partitions: files, processes, and what is left of them."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SHARES = {"no": 1, "onfailure": 1, "always": 1, "unless": 1}
POLICIES = {"no": "no", "onfailure": "on-failure:3", "always": "always", "unless": "unless-stopped"}

# Says that it runs, and how it ends, before it does.
SCRIPT = """
trap 'echo end 77 >>/truth/$NAME; exit 77' TERM
echo start >>/truth/$NAME
echo runs
ms=$(( (RANDOM * 32768 + RANDOM) % LONGEST ))
sleep $((ms / 1000)).$(printf %03d $((ms % 1000))) & wait $!
code=$((RANDOM % 3 ? RANDOM % 60 + 1 : 0))
echo end $code >>/truth/$NAME
exit $code
"""


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Site:
    # Records, logs and the journal of a long run fit in here, besides what fills it.
    DISK = 512 << 20
    JOURNAL = 192 << 20

    def __init__(self, count, longest):
        program = os.environ.get("SWIFTJAIL") or os.path.join(
            os.path.dirname(os.path.abspath(__file__)), "../../.build/release/swiftjail")
        self.program = os.path.abspath(program)
        self.count = count
        self.longest = longest
        self.prefix = f"faults{os.getpid()}-"
        self.is_kept = False
        self.daemon = None

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="swiftjail-faults-")
        self.root, self.truth = f"{self.path}/root", f"{self.path}/truth"
        self.definitions, self.rootfs = f"{self.path}/partitions.d", f"{self.path}/rootfs"
        self.disk = f"{self.root}/.supervisor"
        self.socket = f"{self.root}/swiftjaild.sock"
        for path in (self.disk, self.truth, self.definitions):
            os.makedirs(path)
        for path in ("bin", "dev", "proc", "sys", "truth", "tmp"):
            os.makedirs(f"{self.rootfs}/{path}")
        shutil.copy("/bin/busybox", f"{self.rootfs}/bin/busybox")
        for name in ("sh", "sleep", "printf"):
            os.symlink("busybox", f"{self.rootfs}/bin/{name}")
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.DISK}", "swiftjail-faults", self.disk], check=True)
        return self

    def __exit__(self, *_):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        for keeper in self.keepers():
            os.kill(keeper, signal.SIGKILL)
        for name in self.containers():
            subprocess.run([self.program, "--root", self.root, "delete", "--force", name],
                           check=False, capture_output=True)
        if self.is_kept:
            print(f"kept: {self.path}")
            return
        subprocess.run(["umount", "--lazy", self.disk], check=False)
        shutil.rmtree(self.path, ignore_errors=True)

    def keep(self):
        self.is_kept = True

    # The supervisor

    def launch(self, waiting=True):
        """Starts the supervisor unless it runs, and waits until it answers."""
        if self.daemon is None or self.daemon.poll() is not None:
            with open(f"{self.path}/messages", "ab") as messages:
                self.daemon = subprocess.Popen(
                    [self.program + "d", "--root", self.root, "--config", self.definitions,
                     "--journal-size", str(self.JOURNAL)],
                    stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        if waiting:
            self.until(lambda: self.ask("GET", "/_ping", 5)[0] == 200, 60, "swiftjaild answers")

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()

    def ask(self, method, target, timeout=60):
        """An answer's status and document; (0, None) when there is none."""
        connection = Connection(self.socket, timeout)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body[:1] in (b"{", b"[") else body
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()

    def list(self):
        """Each partition's state by its name; nothing when nobody answers."""
        status, found = self.ask("GET", "/containers/json?all=1")
        if status != 200:
            return {}
        return {partition["Names"][0].lstrip("/"): partition["State"] for partition in found}

    def inspect(self, name):
        return self.ask("GET", f"/containers/{name}/json")[1]

    def events(self):
        """All documents of the journal, the oldest first, in what is read of it at once."""
        connection = Connection(self.socket, 120)
        connection.request("GET", f"/events?since=1&until={time.time():.6f}")
        answer = connection.getresponse()
        for line in answer:
            yield json.loads(line)
        connection.close()

    @staticmethod
    def until(condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds:.0f} s it is still not so that {what}")
            time.sleep(0.05)

    # Partitions

    @property
    def names(self):
        return [f"{self.prefix}{kind}-{index}" for kind in SHARES for index in range(1, self.counts[kind] + 1)]

    @property
    def counts(self):
        whole, rest = divmod(self.count, len(SHARES))
        return {kind: whole + (1 if place < rest else 0) for place, kind in enumerate(SHARES)}

    @staticmethod
    def kind(name):
        return name.split("-")[1]

    def define(self):
        for kind, count in self.counts.items():
            name = f"{self.prefix}{kind}-{{index}}"
            document = {
                "name": name, "replicas": count, "rootfs": self.rootfs, "command": ["/bin/sh", "-c", SCRIPT],
                "environment": {"PATH": "/bin", "NAME": name, "LONGEST": str(int(self.longest * 1000))},
                "volumes": [f"{self.truth}:/truth"], "restart": POLICIES[kind], "stopTimeout": "5s",
                "restartDelay": {"initial": "10ms", "longest": "100ms", "forgottenAfter": "24h"},
            }
            with open(f"{self.path}/draft", "w", encoding="utf-8") as file:
                json.dump(document, file)
            os.rename(f"{self.path}/draft", f"{self.definitions}/{kind}.json")

    def runs(self, name):
        """What the program of a partition has said: for each run its code, or None for one that did not say."""
        try:
            with open(f"{self.truth}/{name}", encoding="utf-8") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        runs = []
        for line in lines:
            if line == "start":
                runs.append(None)
            elif runs:
                # Whom a signal meets between this line and its end says another one, and that counts.
                runs[-1] = int(line.split()[1])
        return runs

    def wait_until_started(self):
        self.until(lambda: all(os.path.exists(f"{self.truth}/{name}") for name in self.names),
                   60 + self.count / 10, "each partition was started once")

    def settle(self):
        """Waits for the ends of what ends by itself, and stops the rest."""
        violations = []
        ending = {name for name in self.names if self.kind(name) in ("no", "onfailure")}
        self.until(lambda: all(state == "exited" for name, state in self.list().items() if name in ending),
                   5 * self.longest + 60, "partitions with the policies no and on-failure have ended")
        for name, state in self.list().items():
            if name not in ending and state not in ("running", "restarting"):
                violations.append(f"{name}: its policy is {POLICIES[self.kind(name)]}, and it is {state}")
        status, _ = self.ask("POST", "/swiftjail/down")
        if status != 204:
            violations.append(f"down: the answer is {status}")
        self.until(lambda: set(self.list().values()) <= {"exited"}, 120, "all partitions have ended")
        return violations

    # What there is on this machine

    @staticmethod
    def command(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read().split(b"\0")
        except OSError:
            return []

    @staticmethod
    def parent(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            return 0

    def processes(self):
        """All that have to do with this, apart from this one."""
        mark = self.path.encode(), self.prefix.encode()
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            words = self.command(entry)
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    words += file.read().split(b"\0")
            except OSError:
                pass
            if any(text in word for word in words for text in mark):
                found.append(int(entry))
        return found

    def keepers(self):
        """The keeper, and copies of it that are just becoming partitions."""
        return [pid for pid in self.processes() if self.command(pid)[:1] == [b"swiftjail-keep"]]

    @property
    def keeper(self):
        keepers = self.keepers()
        return next(pid for pid in keepers if self.parent(pid) not in keepers)

    def containers(self):
        try:
            return [name for name in os.listdir(self.root) if name.startswith(self.prefix)]
        except FileNotFoundError:
            return []

    def memory(self):
        """The PSS of both processes, in KiB."""
        def pss(pid):
            with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        return {"supervisor": pss(self.daemon.pid), "keeper": pss(self.keeper)}

    def descriptors(self):
        """How many each process has open; the connection that asked last may be on its way out."""
        time.sleep(0.3)
        return {"supervisor": len(os.listdir(f"/proc/{self.daemon.pid}/fd")),
                "keeper": len(os.listdir(f"/proc/{self.keeper}/fd"))}

    def leftovers(self):
        found = [f"process {pid}: {b' '.join(self.command(pid)).decode()}" for pid in self.processes()]
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            found += [f"mount {line.split()[4]}" for line in file if self.path in line and self.disk not in line]
        for directory, names, _ in os.walk("/sys/fs/cgroup"):
            found += [f"cgroup {directory}/{name}" for name in names if self.prefix in name]
        for directory, names, files in os.walk(self.root):
            found += [f"file {directory}/{name}" for name in names + files if self.prefix in name]
        return found

    def remove_all(self, before):
        """Removes all partitions and ends the supervisor, and says what stays."""
        for entry in os.listdir(self.definitions):
            os.remove(f"{self.definitions}/{entry}")
        gone = lambda: self.ask("GET", "/containers/json?all=1") == (200, [])
        self.until(gone, 120 + self.count / 5, "all partitions are removed")
        violations = []
        # The journal is opened when there is something to be noted.
        before = {"supervisor": before["supervisor"] + 1, "keeper": before["keeper"]}
        for _ in range(20):
            after = self.descriptors()
            if all(after[name] <= before[name] for name in before):
                break
        for name, count in after.items():
            if count > before[name]:
                violations.append(f"{name}: {count} descriptors are open, and {before[name]} were at first")
        self.daemon.send_signal(signal.SIGTERM)
        if self.daemon.wait(30) != 0:
            violations.append(f"swiftjaild ends with {self.daemon.returncode}")
        for _ in range(100):
            left = self.leftovers()
            if not left:
                break
            time.sleep(0.1)
        return violations + [f"left behind: {what}" for what in left]
