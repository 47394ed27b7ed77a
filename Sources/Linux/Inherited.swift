import CLinux
import Glibc

/// What a process keeps of its caller's over `execve(2)`, and what a program puts right of it before it does anything else.
public enum Inherited {
  /// Puts right what would break the program itself.
  ///
  /// - Standard streams that are closed become `/dev/null`, so that no file of the program's own becomes one of them. It
  ///   cannot be written to as output: nobody is told that what he wrote has arrived.
  /// - `SIGCHLD` has its default effect: while it is ignored, the kernel waits for children itself, and their exit statuses
  ///   are lost.
  /// - `SIGXFSZ` is ignored: a write beyond the caller's `RLIMIT_FSIZE` is an error that can be told, not the end.
  public static func repair() {
    for number in Int32(0)...2 where !isOpen(number) { _ = open("/dev/null", O_RDONLY) }
    _ = linux_reset_signal(SIGCHLD)
    signal(SIGXFSZ, SIG_IGN)
  }

  /// Has new files get the permissions that they are created with but for those to write by others (`umask(2)`): users of a
  /// container pass through directories that the program creates.
  public static func repairUmask() { Credentials.setUmask(0o022) }
}
