"""Engines that put a process beside each container, as far as they are compared. All run the runtime under test."""

import os
import subprocess
import time

from measurements import Failed, processes, pss, succeed


class Peer:
    """An engine whose containers sleep, and the processes that stand beside them."""

    def beside(self):
        """The PSS of all processes that stand beside containers, in KiB."""
        found = 0
        for pid in processes():
            try:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                    if file.read().strip() == self.monitor[:15]:
                        found += pss(pid)
            except OSError:
                continue
        if not found:
            raise Failed(f"{self.name}: there is no {self.monitor}")
        return found


class Podman(Peer):
    """podman, whose containers have conmon beside them."""

    name, monitor = "podman", "conmon"

    def __init__(self, directory, bundle, runtime):
        self.rootfs = bundle.rootfs
        state = os.path.join(directory, "podman")
        self.command = ["podman", "--root", f"{state}/root", "--runroot", f"{state}/run", "--tmpdir", f"{state}/tmp"]
        self.command += ["--cgroup-manager", "cgroupfs", "--runtime", runtime, "--events-backend", "file"]

    def run(self, name):
        options = ["--detach", "--network", "none", "--log-driver", "k8s-file"]
        options += ["--security-opt", "seccomp=unconfined", "--pids-limit", "0"]
        options += ["--ulimit", "host", "--name", name]
        succeed([*self.command, "run", *options, "--rootfs", self.rootfs, "/bin/pause"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        succeed([*self.command, "rm", "--force", "--all", "--time", "0"])


class Containerd(Peer):
    """containerd, whose containers have a shim beside them."""

    name, monitor = "containerd", "containerd-shim-runc-v2"

    def __init__(self, directory, bundle, runtime):
        self.bundle, self.runtime = bundle, runtime
        self.state = os.path.join(directory, "containerd")
        self.socket = f"{self.state}/socket"
        self.command = ["ctr", "--address", self.socket]
        self.daemon = None
        self.names = []

    def run(self, name):
        options = ["--detach", "--runc-binary", self.runtime, "--config", f"{self.bundle.path}/config.json"]
        succeed([*self.command, "run", *options, name])
        self.names.append(name)

    def __enter__(self):
        os.makedirs(self.state)
        config = f"{self.state}/config.toml"
        with open(config, "w", encoding="utf-8") as file:
            file.write('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n')
        log = open(f"{self.state}/log", "w", encoding="utf-8")
        options = ["--config", config, "--address", self.socket]
        options += ["--root", f"{self.state}/root", "--state", f"{self.state}/run"]
        self.daemon = subprocess.Popen(["containerd", *options], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while subprocess.run([*self.command, "version"], capture_output=True, check=False).returncode:
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"containerd does not answer: {self.state}/log")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        for name in self.names:
            succeed([*self.command, "tasks", "kill", "--signal", "KILL", name])
        self.daemon.terminate()
        self.daemon.wait()
