// What Swift's Glibc module lacks: system calls without a wrapper, variadic calls, structures and
// request numbers. Declarations only: every decision is made in Swift, in the module Linux.
#pragma once

// _GNU_SOURCE stays undefined: Swift's Glibc module is built without it, and the two must agree on the
// structures that they share.

#include "SystemCallTable.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// struct mount_attr of linux/mount.h, which cannot be included beside sys/mount.h of every glibc.
struct linux_mount_attr {
  uint64_t attr_set;
  uint64_t attr_clr;
  uint64_t propagation;
  uint64_t userns_fd;
};

// struct sched_attr of linux/sched/types.h, which clashes with newer glibc's sched.h.
struct linux_sched_attr {
  uint32_t size;
  uint32_t sched_policy;
  uint64_t sched_flags;
  int32_t sched_nice;
  uint32_t sched_priority;
  uint64_t sched_runtime;
  uint64_t sched_deadline;
  uint64_t sched_period;
};

static inline long linux_clone3(struct clone_args *args) { return syscall(SYS_clone3, args, sizeof *args); }

// For a thread that may not lock: Swift's own wrappers of these cannot be looked into.
static inline int linux_errno(void) { return errno; }
static inline int linux_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

// Makes the system call `number` with arguments that are invalid for every call that this is used with. The error is
// the kernel's own for these arguments, or a seccomp filter's.
static inline long linux_call_in_vain(long number) { return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L); }

// The older call, for those who may not make clone3: `flags` are its own, with a signal in the low byte.
static inline long linux_clone(unsigned long flags, int *pidfd) { return syscall(SYS_clone, flags, 0L, pidfd, 0L, 0L); }

// The target of the symbolic link that is open as `link`.
static inline long linux_readlink(int link, void *text, size_t size) {
  return syscall(SYS_readlinkat, link, "", text, size);
}

// The number of the mount that an open file is on (struct statx, stx_mnt_id; STATX_MNT_ID, Linux 5.8).
static inline int linux_mount_id(int file, uint64_t *id) {
  struct {
    uint32_t mask;
    uint8_t before[140];
    uint64_t mount;
    uint8_t behind[104];
  } status = {0};
  if (syscall(SYS_statx, file, "", 0x1000 /* AT_EMPTY_PATH */, 0x1000u, &status) == -1) return -1;
  *id = status.mount;
  return status.mask & 0x1000u ? 0 : (errno = ENOSYS, -1);
}

static inline long linux_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return syscall(SYS_openat2, dir, path, &how, sizeof how);
}

static inline long linux_fgetxattr(int file, const char *name, void *value, size_t size) {
  return syscall(SYS_fgetxattr, file, name, value, size);
}
static inline long linux_flistxattr(int file, char *names, size_t size) {
  return syscall(SYS_flistxattr, file, names, size);
}
static inline long linux_fsetxattr(int file, const char *name, const void *value, size_t size) {
  return syscall(SYS_fsetxattr, file, name, value, size, 0);
}

static inline long linux_open_tree(int dir, const char *path, unsigned flags) {
  return syscall(SYS_open_tree, dir, path, flags);
}
static inline long linux_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
  return syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}
static inline long linux_fsopen(const char *type, unsigned flags) { return syscall(SYS_fsopen, type, flags); }
static inline long linux_fsconfig(int fs, unsigned command, const char *key, const void *value, int aux) {
  return syscall(SYS_fsconfig, fs, command, key, value, aux);
}
static inline long linux_fsmount(int fs, unsigned flags, unsigned attributes) {
  return syscall(SYS_fsmount, fs, flags, attributes);
}
static inline long linux_fspick(int dir, const char *path, unsigned flags) {
  return syscall(SYS_fspick, dir, path, flags);
}
static inline long linux_mount_setattr(int dir, const char *path, unsigned flags, struct linux_mount_attr *attr) {
  return syscall(SYS_mount_setattr, dir, path, flags, attr, sizeof *attr);
}
static inline long linux_mount(const char *source, const char *target, const char *type, unsigned long flags,
                               const char *data) {
  return syscall(SYS_mount, source, target, type, flags, data);
}
static inline long linux_umount2(const char *target, int flags) { return syscall(SYS_umount2, target, flags); }
static inline long linux_pivot_root(const char *new_root, const char *put_old) {
  return syscall(SYS_pivot_root, new_root, put_old);
}

// glibc's own refuses the two signals that its threads use, which a careless parent may have ignored all the same.
static inline long linux_reset_signal(int signal) {
  struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } action = {0};
  return syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof action.mask);
}

static inline long linux_set_mempolicy(int mode, const uint64_t *nodes, unsigned long bits) {
  return syscall(SYS_set_mempolicy, mode, bits == 0 ? NULL : nodes, bits);
}

static inline long linux_setns(int fd, int flags) { return syscall(SYS_setns, fd, flags); }
static inline long linux_unshare(unsigned long flags) { return syscall(SYS_unshare, flags); }

static inline long linux_pidfd_open(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }
static inline long linux_pidfd_getfd(int pidfd, int number) { return syscall(SYS_pidfd_getfd, pidfd, number, 0); }
static inline long linux_pidfd_send_signal(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
static inline long linux_waitid_pidfd(int pidfd, siginfo_t *info, int options) {
  return syscall(SYS_waitid, 3 /* P_PIDFD */, pidfd, info, options, NULL);
}
// struct pidfd_info of linux/pidfd.h, which older headers lack.
struct linux_pidfd_info {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11];
  int32_t exit_code;
};
#define LINUX_PIDFD_INFO_EXIT 8
static inline int linux_pidfd_get_info(int pidfd, struct linux_pidfd_info *info) {
  return ioctl(pidfd, _IOWR(0xFF, 11, struct linux_pidfd_info), info);
}
static inline int linux_siginfo_status(const siginfo_t *info) { return info->si_status; }
static inline int linux_siginfo_code(const siginfo_t *info) { return info->si_code; }

static inline long linux_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  return syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
static inline long linux_pipe(int ends[2], int flags) { return syscall(SYS_pipe2, ends, flags); }
static inline long linux_close_range(unsigned first, unsigned last, unsigned flags) {
  return syscall(SYS_close_range, first, last, flags);
}
static inline long linux_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags) {
  return syscall(SYS_execveat, dir, path, argv, envp, flags);
}
static inline long linux_memfd_create(const char *name, unsigned flags) {
  return syscall(SYS_memfd_create, name, flags);
}
static inline long linux_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return syscall(SYS_prctl, option, a, b, c, d);
}
static inline long linux_capget(struct __user_cap_header_struct *header, struct __user_cap_data_struct *data) {
  return syscall(SYS_capget, header, data);
}
static inline long linux_capset(struct __user_cap_header_struct *header, const struct __user_cap_data_struct *data) {
  return syscall(SYS_capset, header, data);
}
// union bpf_attr has unnamed members, which Swift cannot reach.
static inline long linux_bpf_load_device_program(const uint64_t *instructions, uint32_t count) {
  // The kernel wants every byte behind the members that are set to be 0, which an initializer does not promise for a union.
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = (uint64_t)(uintptr_t)instructions;
  attr.insn_cnt = count;
  attr.license = (uint64_t)(uintptr_t)"Apache-2.0";
  memcpy(attr.prog_name, "swiftjail", sizeof "swiftjail");
  return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}
static inline long linux_bpf_attach_device_program(int cgroup, int program) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)cgroup;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr);
}
static inline long linux_bpf_replace_device_program(int cgroup, int program, int former) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)cgroup;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
  attr.replace_bpf_fd = (uint32_t)former;
  return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr);
}
static inline long linux_bpf_detach_device_program(int cgroup, int program) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)cgroup;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  return syscall(SYS_bpf, BPF_PROG_DETACH, &attr, sizeof attr);
}
// The numbers of the device programs that are attached to the cgroup itself; returns how many.
static inline long linux_bpf_list_device_programs(int cgroup, uint32_t *numbers, uint32_t count) {
  // Linux 6.17 to 7.1 write to offset 56, whatever size they are told.
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.query.target_fd = (uint32_t)cgroup;
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = (uint64_t)(uintptr_t)numbers;
  attr.query.prog_cnt = count;
  long result = syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof attr);
  return result < 0 ? result : (long)attr.query.prog_cnt;
}
static inline long linux_bpf_open_program(uint32_t number) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_id = number;
  return syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof attr);
}
// 1 when linux_bpf_load_device_program loaded the program, 0 when somebody else did.
static inline long linux_bpf_is_own_program(int program) {
  struct bpf_prog_info info;
  memset(&info, 0, sizeof info);
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.info.bpf_fd = (uint32_t)program;
  attr.info.info_len = sizeof info;
  attr.info.info = (uint64_t)(uintptr_t)&info;
  long result = syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof attr);
  return result < 0 ? result : strncmp(info.name, "swiftjail", sizeof info.name) == 0;
}
// A process that has a filter is not made slower beyond it (SECCOMP_FILTER_FLAG_SPEC_ALLOW, Linux 4.17).
static inline long linux_seccomp_filter(const uint64_t *instructions, uint16_t count) {
  struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)instructions};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}
// Fails in any case: with EFAULT where the kernel knows the flags.
static inline long linux_seccomp_try(unsigned long flags) {
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL);
}
static inline long linux_keyctl_join_session(const char *name) {
  return syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, name, 0, 0, 0);
}
// glibc's own set*id functions walk its list of threads; these change the caller alone.
static inline long linux_setresuid(uid_t uid) { return syscall(SYS_setresuid, uid, uid, uid); }
static inline long linux_setresgid(gid_t gid) { return syscall(SYS_setresgid, gid, gid, gid); }
static inline long linux_setgroups(size_t count, const gid_t *groups) {
  return syscall(SYS_setgroups, count, groups);
}
static inline long linux_prlimit(pid_t pid, int resource, uint64_t soft, uint64_t hard) {
  uint64_t limit[2] = {soft, hard};
  return syscall(SYS_prlimit64, pid, resource, limit, NULL);
}
static inline long linux_ioprio_set(int which, int who, int priority) {
  return syscall(SYS_ioprio_set, which, who, priority);
}
static inline long linux_sched_setattr(pid_t pid, struct linux_sched_attr *attr) {
  return syscall(SYS_sched_setattr, pid, attr, 0);
}
static inline long linux_sched_setaffinity(pid_t pid, size_t size, const void *mask) {
  return syscall(SYS_sched_setaffinity, pid, size, mask);
}
static inline long linux_sched_getaffinity(pid_t pid, size_t size, void *mask) {
  return syscall(SYS_sched_getaffinity, pid, size, mask);
}
static inline long linux_personality(unsigned long persona) { return syscall(SYS_personality, persona); }
static inline long linux_getdents64(int fd, void *buffer, size_t size) {
  return syscall(SYS_getdents64, fd, buffer, size);
}
// Swift cannot tell the function statfs from the structure.
static inline int linux_statfs(const char *path, struct statfs *status) { return statfs(path, status); }
static inline pid_t linux_getpid(void) { return (pid_t)syscall(SYS_getpid); }

static inline int linux_ioctl_int(int fd, unsigned long request, int value) { return ioctl(fd, request, value); }
static inline int linux_ioctl_pointer(int fd, unsigned long request, void *value) {
  return ioctl(fd, request, value);
}
static inline int linux_ioctl_unlock(int pty) { return ioctl(pty, TIOCSPTLCK, &(int){0}); }
static inline dev_t linux_makedev(unsigned major, unsigned minor) { return makedev(major, minor); }
static inline unsigned linux_major(dev_t device) { return major(device); }
static inline unsigned linux_minor(dev_t device) { return minor(device); }

static inline int linux_wait_exited(int status) { return WIFEXITED(status); }
static inline int linux_wait_exit_status(int status) { return WEXITSTATUS(status); }
static inline int linux_wait_signal(int status) { return WTERMSIG(status); }

// Request numbers and masks that are macros Swift cannot import.
enum {
  LINUX_TIOCGPTPEER = TIOCGPTPEER,
  LINUX_TIOCSCTTY = TIOCSCTTY,
  LINUX_TIOCGWINSZ = TIOCGWINSZ,
  LINUX_TIOCSWINSZ = TIOCSWINSZ,
  LINUX_SIOCGIFFLAGS = 0x8913,
  LINUX_SIOCSIFFLAGS = 0x8914,
  LINUX_F_ADD_SEALS = 1033,
  LINUX_AT_EACCESS = 0x200,
  LINUX_IN_CLOEXEC = IN_CLOEXEC,
  LINUX_IN_NONBLOCK = IN_NONBLOCK,
};

static inline ssize_t linux_tee(int from, int to, size_t count) { return syscall(SYS_tee, from, to, count, 0); }
static inline long linux_accept4(int socket, int flags) { return syscall(SYS_accept4, socket, NULL, NULL, flags); }

// struct ucred of sys/socket.h, which only _GNU_SOURCE shows.
struct linux_ucred {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};

// Descriptors as ancillary data, at most so many. CMSG_* are macros.
enum { LINUX_MOST_DESCRIPTORS = 5 };
static inline ssize_t linux_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors,
                                             size_t number) {
  char control[CMSG_SPACE(LINUX_MOST_DESCRIPTORS * sizeof(int))] = {0};
  struct iovec vector = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = CMSG_SPACE(number * sizeof(int))};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(number * sizeof(int));
  for (size_t i = 0; i < number; i++) ((int *)CMSG_DATA(header))[i] = descriptors[i];
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}
// Those that did not come are -1.
static inline ssize_t linux_receive_descriptors(int socket, void *bytes, size_t count,
                                                int descriptors[LINUX_MOST_DESCRIPTORS]) {
  char control[CMSG_SPACE(LINUX_MOST_DESCRIPTORS * sizeof(int))] = {0};
  struct iovec vector = {.iov_base = bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  for (int i = 0; i < LINUX_MOST_DESCRIPTORS; i++) descriptors[i] = -1;
  ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (received < 0) return received;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    size_t came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < came && i < LINUX_MOST_DESCRIPTORS; i++) descriptors[i] = ((int *)CMSG_DATA(header))[i];
  }
  return received;
}

// Input and output that nobody waits for: of it, that a file's data be put on its disk. The system calls have no wrappers.
static inline int linux_io_setup(unsigned count, aio_context_t *context) {
  return (int)syscall(SYS_io_setup, count, context);
}
static inline int linux_io_destroy(aio_context_t context) { return (int)syscall(SYS_io_destroy, context); }
static inline int linux_io_submit_sync(aio_context_t context, int file, int event, uint64_t mark) {
  struct iocb request = {.aio_data = mark, .aio_lio_opcode = IOCB_CMD_FDSYNC, .aio_fildes = (uint32_t)file,
                         .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = (uint32_t)event};
  struct iocb *requests[] = {&request};
  return (int)syscall(SYS_io_submit, context, 1, requests);
}
static inline int linux_io_getevents(aio_context_t context, struct io_event *event) {
  struct timespec none = {0};
  return (int)syscall(SYS_io_getevents, context, 0, 1, event, &none);
}
