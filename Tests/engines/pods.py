"""What a kubelet does, through containerd's CRI plugin, with swiftjail as its runtime. Part of Tests/engines/cri."""

import os
import re
import subprocess
import sys
import time
import traceback

import grpc

directory, apparmor, wanted = (os.environ[name] for name in ("directory", "apparmor", "filter"))
client = grpc.Client("/run/containerd/containerd.sock")
failed = False
POD, CONTAINER = 0, 1


def runtime(method, fields):
    return client.call("/runtime.v1.RuntimeService/" + method, fields)


def check(name, function):
    global failed
    if not re.search(wanted, name):
        return True
    begin = time.monotonic()
    try:
        function()
        print("cri: %s: passed (%.1f s)" % (name, time.monotonic() - begin), flush=True)
    except Exception:
        print("cri: %s: FAILED\n%s" % (name, traceback.format_exc()), flush=True)
        failed = True
        return False
    return True


def more(name, function):
    """A check that make test leaves out."""
    if not os.environ["short"]:
        check(name, function)


def eventually(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it has not come to pass")


def fetch(url):
    command = ["ip", "netns", "exec", "outside", "busybox", "wget", "-q", "-O", "-", url]
    return subprocess.run(command, capture_output=True, text=True).stdout


logs = directory + "/pods"
sandbox = {
    1: {1: "pod", 2: "uid", 3: "default"},
    2: "pod-host",
    3: logs,
    5: [{2: 80, 3: 8082}],  # port mappings
    8: {2: {1: {2: CONTAINER}, 9: {1: 0}}, 3: [{1: "net.ipv4.ip_unprivileged_port_start", 2: "0"}]},
}
pod = None
containers = {}


def run_pod():
    global pod
    pod = runtime("RunPodSandbox", {1: sandbox})[1][0].decode()
    status = grpc.decode(runtime("PodSandboxStatus", {1: pod})[1][0])
    assert status.get(3, [0]) == [0], "the pod is not ready"


def start(name, script, resources, security, mounts=[]):
    config = {1: {1: name}, 2: {1: "localhost/ci:latest"}, 3: ["sh", "-c", script], 6: [{1: "COLOUR", 2: "green"}],
              7: mounts, 11: name + ".log", 15: {1: resources, 2: {3: {2: CONTAINER}, 15: {1: 0}, **security}}}
    containers[name] = runtime("CreateContainer", {1: pod, 2: config, 3: sandbox})[1][0].decode()
    runtime("StartContainer", {1: containers[name]})


def state(name):
    """0: created, 1: running, 2: exited"""
    return grpc.decode(runtime("ContainerStatus", {1: containers[name]})[1][0]).get(3, [0])[0]


def execute(name, *command):
    answer = runtime("ExecSync", {1: containers[name], 2: list(command), 3: 60})
    return answer.get(1, [b""])[0].decode(), answer.get(3, [0])[0]


def two_containers():
    server = 'echo serving; echo problem >&2; echo "$COLOUR" >/data/index.html; exec httpd -f -p 80 -h /data'
    start("server", server, {1: 100000, 2: 50000, 3: 512, 4: 64 << 20, 5: 500}, {}, [{1: "/data", 2: directory + "/data"}])
    # A user without capabilities, a read-only root, no new privileges.
    start("plain", "id; exec sleep 1000", {},
          {1: {2: ["ALL"]}, 5: {1: 1000}, 12: {1: 1000}, 7: 1, 8: [2000], 11: 1}, [{1: "/data", 2: directory + "/data", 3: 1}])
    assert state("server") == 1 and state("plain") == 1


def log():
    def lines(name):
        with open("%s/%s.log" % (logs, name)) as file:
            return [line.split(" ", 3)[1:] for line in file]

    eventually(lambda: sorted(lines("server")) == [["stderr", "F", "problem\n"], ["stdout", "F", "serving\n"]])
    eventually(lambda: re.match(r"uid=1000 gid=1000 .*2000\n", lines("plain")[0][2]))


def network():
    eventually(lambda: fetch("http://192.0.2.1:8082/") == "green\n")
    # Both have the pod's network and name.
    assert execute("plain", "wget", "-q", "-O", "-", "http://127.0.0.1/") == ("green\n", 0)
    assert execute("plain", "hostname") == ("pod-host\n", 0)
    address = grpc.decode(grpc.decode(runtime("PodSandboxStatus", {1: pod})[1][0])[5][0])[1][0].decode()
    assert address in execute("server", "ip", "address")[0]


def execs():
    assert execute("server", "sh", "-c", "echo $COLOUR; exit 3") == ("green\n", 3)
    assert execute("plain", "id", "-u") == ("1000\n", 0)


def limits():
    cgroup = "/sys/fs/cgroup/"
    assert execute("server", "cat", cgroup + "memory.max", cgroup + "cpu.max") == ("67108864\n50000 100000\n", 0)
    assert execute("server", "cat", "/proc/1/oom_score_adj") == ("500\n", 0)


def security():
    status = execute("plain", "grep", "-E", "^(CapEff|CapBnd|NoNewPrivs|Seccomp):", "/proc/1/status")[0].split()
    zero = "0" * 16
    assert status == ["CapBnd:", zero, "CapEff:", zero] + ["NoNewPrivs:", "1", "Seccomp:", "2"] or \
        status == ["CapEff:", zero, "CapBnd:", zero, "NoNewPrivs:", "1", "Seccomp:", "2"], status
    assert execute("plain", "touch", "/tmp/file")[1] == 1
    assert execute("plain", "touch", "/data/file")[1] == 1
    assert execute("server", "grep", "Seccomp:", "/proc/self/status") == ("Seccomp:\t2\n", 0)
    if apparmor == "Y":
        assert execute("server", "cat", "/proc/1/attr/current") == ("cri-containerd.apparmor.d (enforce)\n", 0)


def update():
    runtime("UpdateContainerResources", {1: containers["server"], 2: {1: 100000, 2: 25000, 4: 96 << 20}})
    cgroup = "/sys/fs/cgroup/"
    assert execute("server", "cat", cgroup + "memory.max", cgroup + "cpu.max") == ("100663296\n25000 100000\n", 0)


def stats():
    memory = grpc.decode(grpc.decode(runtime("ContainerStats", {1: containers["server"]})[1][0])[3][0])
    assert grpc.decode(memory[2][0])[1][0] > 0, memory


def stop_and_start_again():
    runtime("StopContainer", {1: containers["server"], 2: 0})
    assert state("server") == 2
    runtime("RemoveContainer", {1: containers["server"]})
    start("server", "echo blue >/data/index.html; exec httpd -f -p 80 -h /data", {}, {}, [{1: "/data", 2: directory + "/data"}])
    eventually(lambda: fetch("http://192.0.2.1:8082/") == "blue\n")


def remove():
    runtime("StopPodSandbox", {1: pod})
    assert state("server") == 2 and state("plain") == 2
    runtime("RemovePodSandbox", {1: pod})
    assert 1 not in runtime("ListContainers", {}) and 1 not in runtime("ListPodSandbox", {})


os.makedirs(directory + "/data", exist_ok=True)
if not check("a pod starts", run_pod) or not check("two containers start in it", two_containers):
    sys.exit(1)
check("logs", log)
check("they share its network, and its port is reached from another machine", network)
check("exec", execs)
check("limits are those inside", limits)
check("a security context is what is inside, and seccomp is on", security)
check("update", update)
more("stats", stats)
more("a container stops, and another takes its place", stop_and_start_again)
more("the pod stops and is removed", remove)
sys.exit(failed)
