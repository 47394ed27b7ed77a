import Foundation

/// What an engine puts around a program that it runs in a container: a seccomp filter, fewer capabilities, other mounts.
struct Confinement {
  /// The system calls that the filter refuses, by the kernel's names.
  var refused: [String] = []
  /// What it answers to them.
  var errno = EPERM
  /// The capabilities that the program lacks, as in `CAP_MKNOD`.
  var lacking: [String] = []
  /// Commands of a shell, run in the program's own mount namespace before the program.
  var setUp = ""
  /// Whether it and all that comes from it run on one processor.
  var usesOneProcessor = false

  static let python = "/usr/bin/python3"
  static let isAvailable = FileManager.default.isExecutableFile(atPath: python)

  /// `program` with all of this around it.
  func around(_ program: Program) -> Program {
    var confined = program
    confined.path = Self.python
    confined.arguments =
      ["-IS", "-c", Self.script, refused.joined(separator: " "), String(errno)]
      + [lacking.joined(separator: " "), setUp, usesOneProcessor ? "1" : "", program.path] + program.arguments
    return confined
  }

  private static let script = """
    import ctypes, os, struct, subprocess, sys
    refused, error, lacking, set_up, one_processor = sys.argv[1:6]
    libc = ctypes.CDLL(None, use_errno=True)
    def check(result):
        if result != 0: sys.exit("confinement: " + os.strerror(ctypes.get_errno()))
    if one_processor: os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
    if set_up:
        check(libc.unshare(0x20000))
        check(libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None))
        subprocess.run(["sh", "-e", "-c", set_up], check=True, stdin=subprocess.DEVNULL)
    capabilities = dict(CAP_SYS_CHROOT=18, CAP_NET_ADMIN=12, CAP_SYS_PTRACE=19, CAP_SYS_ADMIN=21, CAP_SYS_NICE=23,
                        CAP_SYS_RESOURCE=24, CAP_MKNOD=27)
    for name in lacking.split(): check(libc.prctl(24, capabilities[name], 0, 0, 0))
    # Numbers on x86_64 and on aarch64; those from 424 on are the same everywhere.
    numbers = dict(clone3=435, openat2=437, open_tree=428, move_mount=429, fsopen=430, fsconfig=431, fsmount=432,
                   mount_setattr=442, pidfd_open=434, pidfd_send_signal=424, pidfd_getfd=438, close_range=436,
                   faccessat2=439)
    older = dict(clone=(56, 220), pivot_root=(155, 41), execveat=(322, 281), memfd_create=(319, 279), bpf=(321, 280),
                 keyctl=(250, 219), add_key=(248, 217), request_key=(249, 218), statx=(332, 291), io_setup=(206, 0),
                 setns=(308, 268), unshare=(272, 97), mount=(165, 40), umount2=(166, 39), seccomp=(317, 277),
                 renameat2=(316, 276))
    machine = 1 if os.uname().machine == "aarch64" else 0
    for name in older: numbers[name] = older[name][machine]
    if refused:
        program = struct.pack("HBBI", 0x20, 0, 0, 0)
        for name in refused.split():
            program += struct.pack("HBBI", 0x15, 0, 1, numbers[name])
            program += struct.pack("HBBI", 0x06, 0, 0, 0x50000 | int(error))
        program += struct.pack("HBBI", 0x06, 0, 0, 0x7fff0000)
        code = ctypes.create_string_buffer(program, len(program))
        whole = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
        check(libc.prctl(22, 2, ctypes.byref(whole), 0, 0))
    os.execvp(sys.argv[6], sys.argv[6:])
    """
}
