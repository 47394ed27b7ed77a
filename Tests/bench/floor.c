// The floor under every number in the table: the system calls that runc's default bundle asks for,
// hard-wired, and nothing else. No JSON, no checks, no recovery. Left out although runc and crun do
// it: the device rules' BPF program, the session keyring and the loopback link.
//
//   floor STATE run|create|detach NAME ROOTFS PROGRAM    run waits; create stops before PROGRAM
//   floor STATE start NAME
//   floor STATE exec NAME PROGRAM
//   floor STATE delete NAME                              kills
//
// STATE is a directory; it holds NAME (the pid, as text) and NAME.start (a FIFO).
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup/"
#define NAMESPACES \
  (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define BIT(capability) (1u << (capability))

static const unsigned kept_capabilities =
    BIT(CAP_AUDIT_WRITE) | BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE);

// Ends the process when a call fails, naming the call; otherwise is the call's value.
#define MUST(call) must((long)(call), #call)
static long must(long result, const char *call) {
  if (result < 0) err(125, "%s", call);
  return result;
}

static void mount_defaults(void) {
  const unsigned long strict = MS_NOSUID | MS_NOEXEC | MS_NODEV;
  MUST(mount("proc", "proc", "proc", 0, NULL));
  MUST(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
  MUST(mkdir("dev/pts", 0755));
  MUST(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
             "newinstance,ptmxmode=0666,mode=0620,gid=5"));
  MUST(mkdir("dev/shm", 0755));
  MUST(mount("shm", "dev/shm", "tmpfs", strict, "mode=1777,size=65536k"));
  MUST(mkdir("dev/mqueue", 0755));
  MUST(mount("mqueue", "dev/mqueue", "mqueue", strict, NULL));
  MUST(mount("sysfs", "sys", "sysfs", strict | MS_RDONLY, NULL));
  MUST(mount("cgroup", "sys/fs/cgroup", "cgroup2", strict | MS_RELATIME | MS_RDONLY, NULL));
}

static void make_devices(void) {
  static const struct { const char *path; int major, minor; } devices[] = {
      {"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
      {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  static const char *const links[][2] = {{"pts/ptmx", "dev/ptmx"},
                                         {"/proc/self/fd", "dev/fd"},
                                         {"/proc/self/fd/0", "dev/stdin"},
                                         {"/proc/self/fd/1", "dev/stdout"},
                                         {"/proc/self/fd/2", "dev/stderr"}};
  const mode_t mask = umask(0);
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
    MUST(mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)));
  umask(mask);
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) MUST(symlink(links[i][0], links[i][1]));
}

static void restrict_paths(void) {
  static const char *const masked[] = {
      "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
      "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
  static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                         "/proc/sysrq-trigger"};
  for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) {
    if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) == 0 || errno == ENOENT) continue;
    if (errno != ENOTDIR) err(125, "mask %s", masked[i]);
    MUST(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "size=0k"));
  }
  for (size_t i = 0; i < sizeof readonly / sizeof *readonly; i++) {
    if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) < 0) {
      if (errno == ENOENT) continue;
      err(125, "bind %s", readonly[i]);
    }
    MUST(mount(NULL, readonly[i], NULL,
               MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
  }
}

static void enter_root(const char *rootfs) {
  MUST(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
  MUST(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
  MUST(chdir(rootfs));
  mount_defaults();
  make_devices();
  // Both arguments the same: the old root ends up on top of the new one and is taken off from there.
  MUST(syscall(SYS_pivot_root, ".", "."));
  MUST(umount2(".", MNT_DETACH));
  MUST(chdir("/"));
  MUST(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
  restrict_paths();
}

static void drop_privileges(void) {
  struct rlimit files = {1024, 1024};
  MUST(setrlimit(RLIMIT_NOFILE, &files));
  for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
    if (c >= 32 || !(kept_capabilities & BIT(c))) prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{kept_capabilities, kept_capabilities, 0}, {0, 0, 0}};
  MUST(syscall(SYS_capset, &header, sets));
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static void become(const char *program) {
  drop_privileges();
  char *const argv[] = {(char *)program, NULL};
  char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
                       NULL};
  MUST(execve(program, argv, env));
}

// fork into NAME's cgroup, so that the child is under its limits from its first instruction.
static pid_t clone_into(const char *name, unsigned long long namespaces) {
  char path[512];
  snprintf(path, sizeof path, CGROUPS "%s", name);
  if (namespaces) MUST(mkdir(path, 0755));
  int cgroup = MUST(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct clone_args args = {
      .flags = namespaces | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned)cgroup};
  return MUST(syscall(SYS_clone3, &args, sizeof args));
}

static void remove_cgroup(const char *name) {
  char path[512];
  snprintf(path, sizeof path, CGROUPS "%s", name);
  MUST(rmdir(path));
}

static int wait_for(pid_t pid) {
  int status;
  MUST(waitpid(pid, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t recorded_pid(const char *name) {
  char text[32] = "";
  int fd = MUST(open(name, O_RDONLY | O_CLOEXEC));
  MUST(read(fd, text, sizeof text - 1));
  close(fd);
  return atoi(text);
}

static void record_pid(const char *name, pid_t pid) {
  int fd = MUST(open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  MUST(dprintf(fd, "%d", pid));
  close(fd);
}

static int run(const char *name, const char *rootfs, const char *program) {
  pid_t pid = clone_into(name, NAMESPACES);
  if (pid == 0) {
    MUST(sethostname("runc", 4));
    enter_root(rootfs);
    become(program);
  }
  int status = wait_for(pid);
  remove_cgroup(name);
  return status;
}

// The container is ready when the pipe `ready` closes with one byte written. When it is to stop
// before PROGRAM, it waits on the FIFO that `start` opens.
static int create(const char *name, const char *rootfs, const char *program, int stop) {
  char fifo[512];
  snprintf(fifo, sizeof fifo, "%s.start", name);
  int gate = -1, ready[2];
  if (stop) {
    MUST(mkfifo(fifo, 0600));
    gate = MUST(open(fifo, O_PATH | O_CLOEXEC));
  }
  MUST(pipe2(ready, O_CLOEXEC));
  pid_t pid = clone_into(name, NAMESPACES);
  if (pid == 0) {
    MUST(sethostname("runc", 4));
    enter_root(rootfs);
    MUST(write(ready[1], "", 1));
    if (stop) {
      char link[32];
      snprintf(link, sizeof link, "/proc/self/fd/%d", gate);
      MUST(open(link, O_RDONLY | O_CLOEXEC));
    }
    become(program);
  }
  close(ready[1]);
  char byte;
  if (MUST(read(ready[0], &byte, 1)) != 1) errx(125, "the container's init died");
  record_pid(name, pid);
  return 0;
}

static int start(const char *name) {
  char fifo[512];
  snprintf(fifo, sizeof fifo, "%s.start", name);
  MUST(open(fifo, O_WRONLY | O_CLOEXEC));
  MUST(unlink(fifo));
  return 0;
}

static int execute(const char *name, const char *program) {
  int init = MUST(syscall(SYS_pidfd_open, recorded_pid(name), 0));
  int cgroup_tree = MUST(open(CGROUPS, O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
  args.cgroup = (unsigned)MUST(openat(cgroup_tree, name, O_PATH | O_DIRECTORY | O_CLOEXEC));
  MUST(setns(init, NAMESPACES));
  pid_t pid = MUST(syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0) become(program);
  return wait_for(pid);
}

static int delete(const char *name) {
  int init = MUST(syscall(SYS_pidfd_open, recorded_pid(name), 0));
  MUST(syscall(SYS_pidfd_send_signal, init, SIGKILL, NULL, 0));
  struct pollfd ended = {.fd = init, .events = POLLIN};
  MUST(poll(&ended, 1, -1));
  remove_cgroup(name);
  MUST(unlink(name));
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 4) errx(2, "usage: floor STATE run|create|detach|start|exec|delete NAME ...");
  const char *command = argv[2], *name = argv[3];
  MUST(chdir(argv[1]));
  if (argc == 6 && !strcmp(command, "run")) return run(name, argv[4], argv[5]);
  if (argc == 6 && !strcmp(command, "create")) return create(name, argv[4], argv[5], 1);
  if (argc == 6 && !strcmp(command, "detach")) return create(name, argv[4], argv[5], 0);
  if (argc == 4 && !strcmp(command, "start")) return start(name);
  if (argc == 5 && !strcmp(command, "exec")) return execute(name, argv[4]);
  if (argc == 4 && !strcmp(command, "delete")) return delete(name);
  errx(2, "%s: not a command, or the wrong number of arguments", command);
}
