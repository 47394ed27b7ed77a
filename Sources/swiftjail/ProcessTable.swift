import Container
import Linux

/// The processes of a container as the host's `ps(1)` prints them.
enum ProcessTable {
  /// What `ps` prints with `options` of the processes `pids`.
  static func text(_ options: [String], of pids: [Int32]) throws(Failure) -> String {
    guard let program = Subprocess(named: "ps") else {
      throw Failure(.failed, "ps: this machine has no ps(1): install procps, or leave out its options")
    }
    guard let output = try run(program, options) else {
      // Once more, for what it complains of.
      let complaint = try? program.run(options).output.split(separator: "\n").first
      throw Failure(
        .usage, "ps: \(program.path) \(options.joined(separator: " ")): \((complaint ?? nil) ?? "it failed")")
    }
    let lines = output.split(separator: "\n")
    guard let column = lines.first?.split(separator: " ").firstIndex(of: "PID") else {
      throw Failure(
        .usage, "ps: with \(options.joined(separator: " ")) ps(1) has no column PID to choose lines by")
    }
    let wanted = Set(pids.map { String($0) })
    let chosen = lines.dropFirst().filter { line in
      let words = line.split(separator: " ")
      return column < words.count && wanted.contains(String(words[column]))
    }
    return (lines.prefix(1) + chosen).map { "\($0)\n" }.joined()
  }

  /// What the program prints; `nil` when it fails.
  private static func run(_ program: Subprocess, _ options: [String]) throws(Failure) -> String? {
    do throws(Errno) {
      let running = try program.start(options, reading: try FileDescriptor.open("/dev/null", .readOnly))
      let output = String(decoding: try running.output.readToEnd(), as: UTF8.self)
      let status = try running.process.wait()
      // It fails as well when it has chosen no process, and then prints the head alone.
      return status == .exited(0) || status == .exited(1) && !output.isEmpty ? output : nil
    } catch {
      throw Failure(.failed, "ps: run \(program.path): \(error)")
    }
  }
}
