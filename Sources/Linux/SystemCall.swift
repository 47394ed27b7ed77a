import CLinux
import Glibc

/// A system call that may be unavailable here: a container's seccomp filter or a security module refuses it, or the
/// kernel is too old.
///
/// A filter answers before the kernel has looked at the arguments, mostly with `EPERM`, which the kernel says for other reasons
/// as well. So after a failure, and only then, the call is made once more with arguments that no kernel takes: what answers
/// `EPERM` to that as well is a filter.
struct SystemCall: Equatable, Sendable {
  /// The kernel's number.
  let number: Int32

  static let clone3 = SystemCall(number: Int32(SYS_clone3))
  static let clone = SystemCall(number: Int32(SYS_clone))
  static let openat2 = SystemCall(number: Int32(SYS_openat2))
  static let openTree = SystemCall(number: Int32(SYS_open_tree))
  static let moveMount = SystemCall(number: Int32(SYS_move_mount))
  static let fsopen = SystemCall(number: Int32(SYS_fsopen))
  static let fsconfig = SystemCall(number: Int32(SYS_fsconfig))
  static let fsmount = SystemCall(number: Int32(SYS_fsmount))
  static let fspick = SystemCall(number: Int32(SYS_fspick))
  static let mountSetattr = SystemCall(number: Int32(SYS_mount_setattr))
  static let mount = SystemCall(number: Int32(SYS_mount))
  static let umount2 = SystemCall(number: Int32(SYS_umount2))
  static let pivotRoot = SystemCall(number: Int32(SYS_pivot_root))
  static let setns = SystemCall(number: Int32(SYS_setns))
  static let unshare = SystemCall(number: Int32(SYS_unshare))
  static let pidfdOpen = SystemCall(number: Int32(SYS_pidfd_open))
  static let pidfdGetfd = SystemCall(number: Int32(SYS_pidfd_getfd))
  static let pidfdSendSignal = SystemCall(number: Int32(SYS_pidfd_send_signal))
  static let execveat = SystemCall(number: Int32(SYS_execveat))
  static let memfdCreate = SystemCall(number: Int32(SYS_memfd_create))
  static let bpf = SystemCall(number: Int32(SYS_bpf))
  static let seccomp = SystemCall(number: Int32(SYS_seccomp))
  static let keyctl = SystemCall(number: Int32(SYS_keyctl))
  static let addKey = SystemCall(number: Int32(SYS_add_key))
  static let statx = SystemCall(number: Int32(SYS_statx))
  static let requestKey = SystemCall(number: Int32(SYS_request_key))

  private static let names: [(SystemCall, String)] = [
    (clone3, "clone3"), (clone, "clone"), (openat2, "openat2"), (openTree, "open_tree"),
    (moveMount, "move_mount"),
    (fsopen, "fsopen"), (fsconfig, "fsconfig"), (fsmount, "fsmount"), (fspick, "fspick"),
    (mountSetattr, "mount_setattr"),
    (mount, "mount"), (umount2, "umount2"), (pivotRoot, "pivot_root"), (setns, "setns"),
    (unshare, "unshare"), (pidfdOpen, "pidfd_open"), (pidfdGetfd, "pidfd_getfd"),
    (pidfdSendSignal, "pidfd_send_signal"), (execveat, "execveat"), (memfdCreate, "memfd_create"),
    (bpf, "bpf"), (seccomp, "seccomp"), (keyctl, "keyctl"), (addKey, "add_key"),
    (statx, "statx"),
    (requestKey, "request_key"),
  ]

  /// The name in the kernel's manual.
  var name: String { Self.names.first { $0.0 == self }?.1 ?? "number \(number)" }

  /// Whether all uses that this program has for the call take `CAP_SYS_ADMIN`.
  private var isPrivileged: Bool {
    ![
      .clone3, .openat2, .pidfdOpen, .pidfdGetfd, .pidfdSendSignal, .execveat, .memfdCreate, .keyctl, .addKey,
      .requestKey, .statx,
    ].contains(self)
  }

  /// Whether a filter refuses the call whatever its arguments are, or the kernel lacks it.
  ///
  /// Without `CAP_SYS_ADMIN`, the kernel itself refuses some of the calls that need it in the same way.
  var isRefused: Bool {
    guard linux_call_in_vain(Int(number)) == -1 else { return false }
    return errno == EPERM || errno == ENOSYS
  }

  /// `error`, which the call has returned, or the reason why the call is unavailable, whatever its arguments.
  func explain(_ error: Errno) -> Errno {
    switch error {
    case .noFunction: return Errno(.missing, self)
    case .notPermitted:
      if isPrivileged, let own = try? Capabilities.effective(),
        !own.contains(Capabilities.systemAdministration)
      {
        return Errno(.unprivileged, self)
      }
      return isRefused ? Errno(.filtered, self) : error
    // Both ends are descriptors, so it is no path that is not permitted.
    case .permissionDenied where self == .moveMount: return Errno(.denied, self)
    default: return error
    }
  }
}

/// Makes the system call `call` by `body`, and retries when a signal interrupts it. If the call is unavailable whatever
/// its arguments, the error says so.
@discardableResult
@inline(__always)
func making<Result: FixedWidthInteger & SignedInteger>(
  _ call: @autoclosure () -> SystemCall, _ body: () -> Result
) throws(Errno) -> Result {
  do throws(Errno) { return try retrying(body) } catch { throw call().explain(error) }
}

extension Errno {
  /// Why a system call is unavailable: no `errno` of the kernel says that.
  enum Refusal: Int32, Sendable {
    /// A seccomp filter answers `EPERM`.
    case filtered = 1
    /// A filter answers `ENOSYS`, or the kernel is too old.
    case missing
    /// It takes `CAP_SYS_ADMIN`.
    case unprivileged
    /// A security module denies it.
    case denied
  }

  private static let step: Int32 = 0x1_0000

  /// The system call `call` cannot be made for the reason `refusal`: a number beyond all of the kernel's.
  init(_ refusal: Refusal, _ call: SystemCall) {
    self.init(rawValue: refusal.rawValue * Self.step + call.number)
  }

  /// Why which system call cannot be made; `nil` for an error that is the kernel's.
  var refused: (refusal: Refusal, call: SystemCall)? {
    guard rawValue >= Self.step, let refusal = Refusal(rawValue: rawValue / Self.step) else { return nil }
    return (refusal, SystemCall(number: rawValue % Self.step))
  }

  /// What cannot be done, and what to do.
  static func text(_ refusal: Refusal, _ call: SystemCall) -> String {
    let cure = "--privileged or --security-opt seccomp=unconfined"
    switch refusal {
    case .filtered:
      return
        "a seccomp filter refuses the system call \(call.name): start the container around this with \(cure)"
    case .missing:
      return
        "there is no system call \(call.name) here: a seccomp filter hides it (start the container around this with \(cure)), or Linux is older than 5.15"
    case .unprivileged:
      return
        "the system call \(call.name) needs CAP_SYS_ADMIN, which this process lacks: run it as root, and in a container with --privileged"
    case .denied:
      return
        "a security module denies the system call \(call.name): start the container around this with --privileged or --security-opt apparmor=unconfined"
    }
  }
}
