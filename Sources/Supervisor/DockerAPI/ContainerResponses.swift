import OCI

/// The short answers about containers.
public enum ContainerResponse {
  /// The answer to a container that was made, and to a program to be executed that was: its id.
  public static func created(_ id: String) -> JSON {
    .members(["Id": .string(id), "Warnings": .array([])])
  }

  /// The answer to `wait` (`ContainerWaitResponse`): how it ended, as a shell would say it.
  public static func waited(_ exitStatus: Int32, error: String? = nil) -> JSON {
    .members([
      "StatusCode": JSON(exitStatus), "Error": error.map { .members(["Message": .string($0)]) } ?? .null,
    ])
  }

  /// What happened to a file of a container.
  public enum Change: Int, Sendable {
    case modified
    case added
    case removed
  }

  /// The answer to `changes`; `null` when there are none.
  public static func changes(_ changes: [(path: String, change: Change)]) -> JSON {
    if changes.isEmpty { return .null }
    return .array(
      changes.map { .members(["Path": .string($0.path), "Kind": JSON($0.change.rawValue)]) })
  }

  /// The answer to `top`: what `ps(1)` has printed, of whose processes only those whose numbers are `pids`.
  ///
  /// - Returns: `nil` when there is no column `PID`.
  public static func processes(ps output: String, pids: Set<Int32>) -> JSON? {
    let lines = output.split(separator: "\n")
    guard let head = lines.first else { return nil }
    let titles = head.split { $0 == " " || $0 == "\t" }.map(String.init)
    guard let column = titles.firstIndex(of: "PID") else { return nil }
    var processes: [JSON] = []
    for line in lines.dropFirst() {
      // The last column, the command, has the spaces that it has.
      let fields = line.split(maxSplits: titles.count - 1) { $0 == " " || $0 == "\t" }.map { field in
        String(field.drop { $0 == " " || $0 == "\t" })
      }
      guard fields.count == titles.count, let pid = Int32(fields[column]), pids.contains(pid) else {
        continue
      }
      processes.append(.texts(fields))
    }
    return .members(["Titles": .texts(titles), "Processes": .array(processes)])
  }
}
