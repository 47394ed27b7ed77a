import Container
import Glibc
import Linux

/// This program under another name, as the first process of a partition that was asked to have one: it runs the command that
/// its arguments are as its child, passes signals on, and waits for whatever loses its parent.
enum InitProgram {
  /// - Returns: the exit status of `command`, as a shell has it.
  static func run(_ command: ArraySlice<String>) -> Int32 {
    guard let first = command.first else {
      Log().write(.error, "no command given")
      return ProgramStatus.noContainer
    }
    do throws(Errno) { return try run(Array(command)) } catch {
      Log().write(.error, "run \(first): \(error)")
      return ProgramStatus.noContainer
    }
  }

  private static func run(_ command: [String]) throws(Errno) -> Int32 {
    let mask = try SignalMask.blockAll()
    let signals = try SignalQueue()
    let cloned = try clone(into: [])
    switch consume cloned {
    case .child:
      try leadForeground()
      resetSignalActions()
      try mask.restore()
      exitNow(Self.execute(command))
    case .parent(let pid, let pidfd):
      var entries = [PollEntry(signals.descriptor.rawValue, .readable)]
      while true {
        // First: the child may have ended before its signal could be queued.
        if let status = reapChildren(keeping: pid) { return status.shellStatus }
        _ = try poll(&entries)
        while let signal = try signals.next() {
          if signal == .child { continue }
          do throws(Errno) { try pidfd.send(signal) } catch .noSuchProcess {}
        }
      }
    }
  }

  /// Does not return when it can be executed.
  private static func execute(_ command: [String]) -> Int32 {
    let error = Linux.execute(command)
    let missing = error == .noSuchFileOrDirectory
    let isSearched = !command[0].utf8.contains(UInt8(ascii: "/"))
    let reason = missing && isSearched ? "executable file not found in $PATH" : error.description
    Log().write(.error, "exec: \"\(command[0])\": \(reason)")
    return missing ? ProgramStatus.notFound : ProgramStatus.notExecuted
  }
}
