import Linux

extension ContainerProcess {
  /// Everything that is needed to execute the program. It is prepared before the program's limits are in force: these
  /// may allow no further file or memory.
  struct Execution: ~Copyable {
    /// Where the program may be, in the order of the search.
    fileprivate let candidates: [String]
    fileprivate let trampoline: Trampoline
    fileprivate let arguments: CStringArray
    fileprivate let environment: CStringArray
    fileprivate let report: Int32
    /// What is read from before the program is executed.
    fileprivate let fifo: Int32?
  }

  /// Prepares to execute the program after `prelude`.
  ///
  /// - Parameters:
  ///   - extra: what is added to the environment.
  ///   - inUserNamespace: whether the process is in one of the container's.
  ///   - handshake: told when the program cannot be executed.
  func prepareExecution(
    environment extra: [String], after prelude: Trampoline.Prelude, inUserNamespace: Bool,
    _ handshake: borrowing Handshake
  ) throws(ContainerError) -> Execution {
    let report = handshake.socket.descriptor.rawValue
    do throws(Errno) {
      let trampoline = try Trampoline(
        reportingTo: report, prelude: prelude,
        filter: filter(after: prelude, inUserNamespace: inUserNamespace))
      var fifo: Int32?
      if case .wait(_, let number) = prelude { fifo = number }
      return Execution(
        candidates: candidates(), trampoline: trampoline,
        arguments: CStringArray(plan.arguments, behind: 1), environment: CStringArray(environment() + extra),
        report: report, fifo: fifo)
    } catch {
      throw Self.failure(error)
    }
  }

  /// Executes the program. The first that this process, which is the program's user now, may execute is taken: what is not
  /// there, or not for that user, is passed over (`execvp(3)`).
  ///
  /// - Returns: only when it cannot, the reason, in the words by which engines tell a missing program (exit status 127) from
  ///   one that cannot be executed (126).
  func execute(_ execution: borrowing Execution) -> ContainerError {
    // There is no program, and the first process only waits.
    if plan.arguments.isEmpty { return become("/", execution) }
    var reason: Errno?
    for candidate in execution.candidates {
      switch File.reasonNotToExecute(candidate) {
      case nil: return become(candidate, execution)
      case let error? where isPath: reason = error
      case .permissionDenied?: reason = .permissionDenied
      case _?: continue
      }
    }
    let name = hookPath ?? plan.arguments[0]
    if let reason { return .program(name, reason) }
    return ContainerError(.programNotFound, "exec: \"\(name)\": executable file not found in $PATH")
  }

  private func become(_ path: String, _ execution: borrowing Execution) -> ContainerError {
    do throws(Errno) {
      // Last, so that no descriptor of this program's own is left out.
      try closeOnExec(from: preserved.end)
      for number in preserved.numbers { try keepOverExec(number) }
      try keepOverExec(execution.report)
      if let fifo = execution.fifo { try keepOverExec(fifo) }
      return Self.failure(
        execution.trampoline.execute(
          path, arguments: execution.arguments, environment: execution.environment))
    } catch {
      return Self.failure(error)
    }
  }

  private static func failure(_ errno: Errno) -> ContainerError {
    let advice = errno == .permissionDenied ? ": set the sysctl vm.memfd_noexec below 2" : ""
    return ContainerError(.programNotExecuted, "exec: the trampoline in memory: \(errno)\(advice)", errno)
  }

  /// Whether the program is named by its path.
  private var isPath: Bool { hookPath != nil || plan.arguments[0].utf8.contains(UInt8(ascii: "/")) }

  /// The paths at which the program may be.
  private func candidates() -> [String] {
    if plan.arguments.isEmpty { return [] }
    let name = hookPath ?? plan.arguments[0]
    if isPath { return [name] }
    if name.isEmpty { return [] }
    let variable = plan.environment.last { $0.hasPrefix("PATH=") }
    let path =
      variable.map { $0.dropFirst(5) } ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return path.split(separator: ":", omittingEmptySubsequences: false).map { directory in
      directory.isEmpty ? "./\(name)" : "\(directory)/\(name)"
    }
  }

  /// The program's environment. An empty or missing `HOME` becomes the user's home directory, as with runc.
  private func environment() -> [String] {
    if hookPath != nil { return plan.environment }
    var environment = plan.environment
    environment.removeAll { $0.utf8.elementsEqual("HOME=".utf8) }
    if !environment.contains(where: { $0.utf8.starts(with: "HOME=".utf8) }) {
      environment.append("HOME=\(Accounts.homeDirectory(of: plan.user))")
    }
    return environment
  }
}
