"""The root file system and the bundles that every runtime is given: the same for all."""

import json
import os
import shutil
import subprocess

SOURCES = os.path.dirname(os.path.abspath(__file__))


def compile_static(source, target):
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-static", "-s", "-o", target, os.path.join(SOURCES, source)],
        check=True,
    )


def make_rootfs(path):
    for directory in ("bin", "dev", "proc", "sys"):
        os.makedirs(os.path.join(path, directory))
    compile_static("rootfs/true.c", os.path.join(path, "bin/true"))
    compile_static("rootfs/pause.c", os.path.join(path, "bin/pause"))
    compile_static("rootfs/mark.c", os.path.join(path, "bin/mark"))


class Bundle:
    """A directory with the config.json that `runc spec` prints, without a terminal."""

    def __init__(self, path, rootfs, program):
        self.path = path
        self.rootfs = rootfs
        self.program = program
        os.mkdir(path)
        subprocess.run(["runc", "spec", "--bundle", path], check=True)
        with open(self._file, encoding="utf-8") as file:
            self.config = json.load(file)
        self.config["process"]["terminal"] = False
        self.config["process"]["args"] = [program]
        self.config["root"]["path"] = rootfs
        self.write()

    @property
    def _file(self):
        return os.path.join(self.path, "config.json")

    def write(self):
        with open(self._file, "w", encoding="utf-8") as file:
            json.dump(self.config, file, indent=2)

    def drop_device_rules(self):
        self.config["linux"]["resources"].pop("devices", None)
        self.write()

    def limit_memory(self, limit):
        """Sets what becomes the container's memory.max, in bytes."""
        self.config["linux"]["resources"]["memory"] = {"limit": limit}
        self.write()


def needs(*commands):
    """Ends the program with one line when a command is not installed."""
    missing = [command for command in commands if not shutil.which(command)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}")
