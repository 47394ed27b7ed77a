"""How each program under measurement is called. Commands are lists of words."""

import glob
import os
import subprocess

CGROUPS = "/sys/fs/cgroup"
RELEASE_BUILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.build/release/swiftjail")


def path_under_test():
    path = os.path.abspath(os.environ.get("SWIFTJAIL") or RELEASE_BUILD)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"{path}: no such program: run `make` first, or set SWIFTJAIL")
    return path


def discard_cgroups(keep):
    """Kills everything in every cgroup but `keep`, and removes them. Only for use inside ./apart."""
    for child in os.scandir(CGROUPS):
        if not child.is_dir() or child.name == keep:
            continue
        with open(os.path.join(child.path, "cgroup.kill"), "w", encoding="ascii") as file:
            file.write("1")
        for directory, _, _ in os.walk(child.path, topdown=False):
            # The kill is not waited for by the kernel; EBUSY lasts until the last process is gone.
            while True:
                try:
                    os.rmdir(directory)
                    break
                except OSError:
                    if not os.path.exists(directory):
                        break


class Runtime:
    """A program with the command line of runc."""

    def __init__(self, name, path, directory):
        self.name = name
        self.path = path
        self.root = os.path.join(directory, f"state-{name}")
        os.mkdir(self.root)

    def version(self):
        output = subprocess.run([self.path, "--version"], capture_output=True, text=True, check=False)
        return (output.stdout.splitlines() or ["unknown"])[0]

    def _command(self, *words):
        return [self.path, "--root", self.root, *words]

    def run(self, container, bundle):
        return self._command("run", "--bundle", bundle.path, container)

    def detach(self, container, bundle):
        return self._command("run", "--detach", "--bundle", bundle.path, container)

    def create(self, container, bundle):
        return self._command("create", "--bundle", bundle.path, container)

    def start(self, container):
        return self._command("start", container)

    def exec(self, container, program):
        return self._command("exec", container, program)

    def delete(self, container):
        return self._command("delete", "--force", container)

    def list(self):
        return self._command("list")

    def forget(self):
        """Ends every container of every runtime, and removes this one's state, without its help."""
        discard_cgroups(keep="driver")
        subprocess.run(["rm", "-rf", *glob.glob(os.path.join(self.root, "*"))], check=True)


class Floor(Runtime):
    """floor.c, whose command line is simpler than runc's."""

    def version(self):
        return "floor.c"

    def _command(self, *words):
        return [self.path, self.root, *words]

    def run(self, container, bundle):
        return self._command("run", container, bundle.rootfs, bundle.program)

    def detach(self, container, bundle):
        return self._command("detach", container, bundle.rootfs, bundle.program)

    def create(self, container, bundle):
        return self._command("create", container, bundle.rootfs, bundle.program)

    def delete(self, container):
        return self._command("delete", container)

    def list(self):
        return None
