import Container
import Linux
import OCI

extension APIService {
  /// Answers with the processes of a partition, as `ps -ef` lists them.
  func listProcesses(of status: PartitionStatus, _ exchange: HTTPExchange) throws(APIError) {
    let name = status.definition.name
    let store = supervisor.store
    // There may be as many as it likes.
    try attempt { () throws(SupervisorError) in
      try supervisor.findOut("list the processes of \(name)") { () throws(SupervisorError) in
        do throws(ContainerError) {
          return Self.document(of: try store.container(try ContainerID(name)).processes()).bytes()
        } catch {
          throw SupervisorError(.conflict, "\(name) does not run")
        }
      } done: { [unowned self] result in
        switch result {
        case .success(let bytes): respond(exchange, document: bytes)
        case .failure(let error): respond(exchange, error)
        }
      }
    }
  }

  private static func document(of pids: [Int32]) -> JSON {
    var rows: [JSON] = []
    for pid in pids {
      guard let process = try? ProcessStatus.of(pid), let owner = try? FileStatus.of("/proc/\(pid)").user,
        let command = try? ProcessStatus.commandLine(of: pid)
      else { continue }
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
}
