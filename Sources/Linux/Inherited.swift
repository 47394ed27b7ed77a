import CLinux
import Glibc

/// State that a process inherits from its caller over `execve(2)`, and what a program corrects before anything else.
public enum Inherited {
  /// Puts right what would break the program itself.
  ///
  /// - Standard streams that are closed become `/dev/null`, so that no file of the program's own becomes one of them.
  ///   It is opened read-only: a write to it fails, and output is not lost in silence.
  /// - `SIGCHLD` has its default effect: while it is ignored, the kernel waits for children itself, and their exit statuses
  ///   are lost.
  /// - `SIGXFSZ` is ignored: a write beyond the caller's `RLIMIT_FSIZE` is an error that can be reported,
  ///   and not fatal.
  public static func repair() {
    for number in Int32(0)...2 where !isOpen(number) { _ = open("/dev/null", O_RDONLY) }
    _ = linux_reset_signal(SIGCHLD)
    signal(SIGXFSZ, SIG_IGN)
  }

  /// Has new files get the permissions that they are created with but for those to write by others (`umask(2)`): users of a
  /// container pass through directories that the program creates.
  public static func repairUmask() { Credentials.setUmask(0o022) }
}
