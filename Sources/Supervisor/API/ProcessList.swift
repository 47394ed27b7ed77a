import Container
import Linux
import OCI

extension APIService {
  /// Answers with the processes of a partition, as `ps -ef` lists them; with other arguments, as that program does.
  func listProcesses(
    of status: PartitionStatus, _ arguments: String, _ exchange: HTTPExchange
  ) throws(APIError) {
    let name = status.definition.name
    guard status.pid != nil else { throw .conflict("Container \(name) is not running") }
    let store = supervisor.store
    // There may be as many as it likes.
    try attempt { () throws(SupervisorError) in
      try supervisor.findOut("list the processes of \(name)") { () throws(SupervisorError) in
        let pids: [Int32]
        do throws(ContainerError) { pids = try store.container(try ContainerID(name)).processes() } catch {
          throw SupervisorError(.conflict, "\(name) does not run")
        }
        if arguments == "-ef" { return ProcessList.document(of: pids).bytes() }
        return try ProcessList.document(of: pids, arguments).bytes()
      } done: { [unowned self] result in
        switch result {
        case .success(let bytes):
          supervisor.tell(.top, of: name)
          respond(exchange, document: bytes)
        case .failure(let error): respond(exchange, error)
        }
      }
    }
  }
}

/// Processes as `top` lists them.
enum ProcessList {
  /// What all command lines may be together, in characters; of those beyond, only the beginning is told.
  private static let mostCommands = 16 << 20
  private static let mostBeyond = 64

  static func document(of pids: [Int32]) -> JSON {
    var rows: [JSON] = []
    var room = mostCommands
    for pid in pids {
      // One that ends while we look is no longer in the list.
      guard let process = try? ProcessStatus.of(pid), let owner = try? FileStatus.of("/proc/\(pid)").user
      else { continue }
      var command = ((try? ProcessStatus.commandLine(of: pid)) ?? "?").printable
      if command.utf8.count > room { command = String(command.prefix(mostBeyond)) }
      room = max(0, room - command.utf8.count)
      let seconds = process.processorTime / ProcessStatus.ticksPerSecond
      let time = "\(padded(seconds / 3600)):\(padded(seconds / 60 % 60)):\(padded(seconds % 60))"
      let state = String(decoding: [process.state], as: UTF8.self)
      rows.append(.texts([String(owner), String(pid), String(process.parent), state, time, command]))
    }
    return .members([
      "Titles": .texts(["UID", "PID", "PPID", "STAT", "TIME", "CMD"]), "Processes": .array(rows),
    ])
  }

  private static func padded(_ number: UInt64) -> String { number < 10 ? "0\(number)" : String(number) }

  /// What the host's ps(1) says of the processes.
  static func document(of pids: [Int32], _ arguments: String) throws(SupervisorError) -> JSON {
    guard let ps = Subprocess(named: "ps") else {
      throw SupervisorError(
        .failed, "this machine has no ps(1), which is needed for \(arguments): leave that out")
    }
    let outcome: Subprocess.Outcome
    do throws(Errno) {
      outcome = try ps.run(arguments.split(separator: " ").map(String.init))
    } catch { throw SupervisorError("run ps \(arguments)", error) }
    guard outcome.isSuccess else {
      let reason = outcome.output.split(separator: "\n").first.map(String.init) ?? "it has failed"
      throw SupervisorError(.invalid, "ps \(arguments): \(reason)")
    }
    let lines = outcome.output.split(separator: "\n").map { String($0).printable }.joined(separator: "\n")
    guard let document = ContainerResponse.processes(ps: lines, pids: Set(pids)) else {
      throw SupervisorError(.invalid, "ps \(arguments): Couldn't find PID field in ps output")
    }
    return document
  }
}
