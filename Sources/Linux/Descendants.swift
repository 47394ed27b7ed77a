import CLinux
import Glibc

/// The processes that this process has started, those that they have started, and so on, as `/proc` shows them.
///
/// A process whose parent has ended still counts if this process adopts orphans (`ProcessControl.adoptOrphans`) and shares
/// a pid namespace with it.
public enum Descendants {
  /// Kills and reaps all of them. The caller must be single-threaded and have no child that is to live on.
  ///
  /// `/proc` may be that of an outer pid namespace: signals are sent by descriptors, not by pids.
  ///
  /// - Parameter milliseconds: the longest wait; a process may start others as fast as they are killed, or hang in the kernel.
  /// - Returns: whether none is left.
  public static func end(milliseconds: Int64) -> Bool {
    let deadline = Clock.monotonic() + milliseconds * 1_000_000
    var pause: Int32 = 1
    while true {
      var status: Int32 = 0
      while waitpid(-1, &status, WNOHANG) > 0 {}
      // Another answer than 0 is that there is no child at all.
      if waitpid(-1, &status, WNOHANG) < 0 { return true }
      killAll()
      guard Clock.monotonic() < deadline else { return false }
      var nothing: [PollEntry] = []
      _ = try? poll(&nothing, milliseconds: pause)
      pause = min(pause * 2, 20)
    }
  }

  /// Sends `SIGKILL` to those that `/proc` shows now.
  private static func killAll() {
    guard let text = try? File.symbolicLink("/proc/self"), let own = Int32(text),
      let entries = try? Directory.entries(of: "/proc")
    else { return }
    var children: [Int32: [Int32]] = [:]
    for entry in entries {
      guard let number = Int32(entry.name), let parent = parent(of: "/proc/\(number)/stat") else { continue }
      children[parent, default: []].append(number)
    }
    var found: Set<Int32> = [own]
    var next = [own]
    while let number = next.popLast() {
      for child in children[number] ?? [] where found.insert(child).inserted { next.append(child) }
    }
    for number in found where number != own { kill(number, own, found) }
  }

  /// Kills the process that has the number `number` in `/proc`, unless that has become another one's meanwhile.
  private static func kill(_ number: Int32, _ own: Int32, _ found: Set<Int32>) {
    guard let directory = try? FileDescriptor.open("/proc/\(number)", [.readOnly, .directory]),
      let parent = parent(of: "stat", at: directory.rawValue), found.contains(parent)
    else { return }
    // The kernel takes the directory of a process for a pidfd here.
    if linux_pidfd_send_signal(directory.rawValue, SIGKILL) == -1, own == linux_getpid() {
      _ = Glibc.kill(number, SIGKILL)
    }
  }

  /// The parent of a process that has not ended, as its file `stat` has it.
  private static func parent(of stat: String, at directory: Int32 = workingDirectory) -> Int32? {
    guard let bytes = try? File.read(stat, at: directory), let close = bytes.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 2)
    guard fields.count > 1, fields[0].first != UInt8(ascii: "Z") else { return nil }
    return Int32(String(decoding: fields[1], as: UTF8.self))
  }
}
