"""What is measured, and how. Times are in seconds, sizes in KiB, unless a name says otherwise."""

import json
import os
import shlex
import statistics
import subprocess
import time


class Failed(Exception):
    """A program under measurement failed."""


class CommandFailed(Failed):
    """A command ended with another status than 0; `output` is what it had to say."""

    def __init__(self, command, status, output):
        super().__init__(f"{shlex.join(command)}: status {status}: {output}")
        self.output = output


def succeed(command):
    """Runs a command that must succeed. Its output goes to a file and not to a pipe: a container
    left in the background keeps the other end of a pipe open."""
    with open(os.path.join(os.environ["BENCH_DIR"], "output"), "w+b") as output:
        status = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        ).returncode
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    if status != 0:
        raise CommandFailed(command, status, text[-500:])
    return text


def agree_on_devices(programs, bundles):
    """The default bundle denies devices by rule. Where one program cannot do that, none is asked to:
    crun 1.8 needs CAP_SYS_RESOURCE for it, which a host that is itself a container may lack.
    Returns a line that says so; None when all can. `bundles[0]` is one that ends by itself."""
    for program in programs:
        try:
            succeed(program.run("probe", bundles[0]))
        except CommandFailed as failure:
            program.forget()
            for bundle in bundles:
                bundle.drop_device_rules()
            return f"without linux.resources.devices, for all alike: {program.name} says: {failure.output}"
    return None


def times(commands, rounds, runs, shell=False):
    """The wall times of each of `commands`, a dictionary of name to command. hyperfine runs one after
    the other, so that a machine that slows down would favour the first: several rounds, each in
    another order, give every command its share of the drift."""
    collected = {name: [] for name in commands}
    file = os.path.join(os.environ["BENCH_DIR"], "hyperfine.json")
    names = list(commands)
    for turn in range(rounds):
        first = turn % len(names)
        order = names[first:] + names[:first]
        lines = [commands[name] if shell else shlex.join(commands[name]) for name in order]
        hyperfine = ["hyperfine", "--style", "none", "--warmup", "1", "--runs", str(max(runs, 2))]
        hyperfine += ["--shell", "sh" if shell else "none", "--export-json", file, *lines]
        done = subprocess.run(hyperfine, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"hyperfine: {done.stderr.strip()[-500:]}")
        with open(file, encoding="utf-8") as results:
            for name, result in zip(order, json.load(results)["results"]):
                collected[name] += result["times"]
    return collected


def peaks(peak, commands, runs):
    """Peak RSS of the largest process of each of `commands`, `runs` times."""
    collected = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            collected[name].append(int(succeed([peak, *command]).splitlines()[-1]))
    return collected


def available():
    """MemAvailable, once it has stopped changing: the kernel frees namespaces after their last process
    is gone, in its own time."""
    seen = []
    for _ in range(20):
        with open("/proc/meminfo", encoding="ascii") as file:
            seen.append(next(int(line.split()[1]) for line in file if line.startswith("MemAvailable")))
        if len(seen) >= 4 and max(seen[-4:]) - min(seen[-4:]) < 2048:
            break
        time.sleep(0.5)
    return seen[-1]


def processes():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def left_running(before, program, count):
    """The processes that are new since `before`: those that execute `program`, and the others. A
    runtime returns when it has told the container to go on, so the last exec may be yet to come."""
    deadline = time.monotonic() + 10
    while True:
        inits, others = set(), set()
        for pid in processes() - before:
            try:
                (inits if os.readlink(f"/proc/{pid}/exe").endswith(program) else others).add(pid)
            except OSError:
                continue  # it has ended
        if len(inits) >= count or time.monotonic() > deadline:
            return inits, others
        time.sleep(0.01)


def sleepers(program, bundle, count, rounds):
    """Starts `count` containers that sleep, four at a time, and looks at what they cost."""
    memory_before, processes_before = available(), processes()
    begin = time.monotonic()
    command = shlex.join(program.detach("sleeper-{}", bundle))
    succeed(["sh", "-c", f"seq {count} | xargs -P4 -I{{}} {command}"])
    elapsed = time.monotonic() - begin
    inits, beside = left_running(processes_before, bundle.program, count)
    if len(inits) != count:
        raise Failed(f"{program.name}: {len(inits)} of {count} containers are running")
    found = {
        "start": elapsed / count,
        "memory": max(0, memory_before - available()) / count,
        "init": statistics.median(pss(pid) for pid in inits),
        "beside": sum(map(pss, beside)) / count,
    }
    if program.list():
        lines = succeed(program.list()).splitlines()
        if sum("sleeper-" in line for line in lines) != count:
            raise Failed(f"{program.name} list: {len(lines)} lines for {count} containers")
        found["list"] = times({"list": program.list()}, 1, rounds)["list"]
    program.forget()
    return found
