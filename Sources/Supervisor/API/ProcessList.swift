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
    supervisor.inquiries.add { () throws(SupervisorError) in
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

/// Processes as `top` lists them.
enum ProcessList {
  /// What all command lines may be together, in characters; of those beyond, only the beginning is told.
  private static let mostCommands = 16 << 20
  private static let mostBeyond = 64

  /// The processes in the columns of `ps -ef`.
  static func document(of pids: [Int32]) -> JSON {
    let users = users((try? File.text("/etc/passwd")) ?? "")
    let booted = bootTime((try? File.text("/proc/stat")) ?? "")
    let now = Clock.now() / 1_000_000_000
    var rows: [JSON] = []
    var room = mostCommands
    for pid in pids {
      // One that ends while we look is no longer in the list.
      guard let process = try? ProcessStatus.of(pid), let owner = try? FileStatus.of("/proc/\(pid)").user
      else { continue }
      var command = ((try? ProcessStatus.commandLine(of: pid)) ?? "?").printable
      if command.utf8.count > room { command = String(command.prefix(mostBeyond)) }
      room = max(0, room - command.utf8.count)
      let used = Int64(clamping: process.processorTime / ProcessStatus.ticksPerSecond)
      let started = booted + Int64(clamping: process.startTime / ProcessStatus.ticksPerSecond)
      let share = used * 100 / max(1, now - started)
      let time = "\(padded(used / 3600)):\(padded(used / 60 % 60)):\(padded(used % 60))"
      rows.append(
        .texts([
          users[owner] ?? String(owner), String(pid), String(process.parent), String(share),
          startText(started, now: now), terminal((try? File.text("/proc/\(pid)/stat")) ?? ""), time, command,
        ]))
    }
    return .members([
      "Titles": .texts(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]), "Processes": .array(rows),
    ])
  }

  /// The names of users by their numbers, in the text of a `passwd(5)`: the host's, as `ps` has it.
  static func users(_ passwd: String) -> [UInt32: String] {
    var users: [UInt32: String] = [:]
    for line in passwd.split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count > 2, let number = UInt32(fields[2]), users[number] == nil else { continue }
      users[number] = String(fields[0]).printable
    }
    return users
  }

  /// When the machine was started, in seconds since 1970, by the text of `/proc/stat` (`proc(5)`).
  private static func bootTime(_ text: String) -> Int64 {
    let line = text.split(separator: "\n").first { $0.hasPrefix("btime ") }
    return line.flatMap { Int64($0.dropFirst("btime ".utf8.count)) } ?? 0
  }

  /// A start as `ps` writes it: the time on the same day, the date in the same year, or the year.
  static func startText(_ seconds: Int64, now: Int64) -> String {
    let (start, now) = (LocalTime(seconds: seconds), LocalTime(seconds: now))
    guard start.year == now.year else { return String(start.year) }
    guard start.yearDay == now.yearDay else { return "\(months[start.month - 1])\(padded(Int64(start.day)))" }
    return "\(padded(Int64(start.hour))):\(padded(Int64(start.minute)))"
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The terminal of a process, by the text of its `/proc/PID/stat` (`proc(5)`).
  static func terminal(_ stat: String) -> String {
    // The command's name is in parentheses and may hold anything.
    let fields = stat.utf8.split(separator: UInt8(ascii: ")")).last?.split(separator: UInt8(ascii: " ")) ?? []
    guard fields.count > 4, let number = UInt32(Substring(fields[4])) else { return "?" }
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xfff00)
    switch major {
    case 4: return minor < 64 ? "tty\(minor)" : "ttyS\(minor - 64)"
    // Of each of these numbers the kernel has 256.
    case 136...143: return "pts/\((major - 136) << 8 | minor)"
    default: return "?"
    }
  }

  private static func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }

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
