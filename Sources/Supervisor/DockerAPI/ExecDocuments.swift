import Layers
import OCI

/// What `POST /containers/{id}/exec` asks for.
public struct ExecRequest: Equatable, Sendable {
  /// The program and its arguments.
  public let command: [String]
  /// Variables beside those of the container.
  public let environment: Environment
  /// Where it starts; `nil` for the container's own directory.
  public let workingDirectory: String?
  /// Who it runs as; `nil` for the container's own user.
  public let user: String?
  /// Whether it is at a terminal.
  public let hasTerminal: Bool
  /// Whether it has all capabilities.
  public let isPrivileged: Bool
  /// Whether the client writes to its standard input.
  public let input: Bool
  /// Whether the client reads its standard output.
  public let output: Bool
  /// Whether the client reads its standard error.
  public let error: Bool
  /// The keys that detach the client from its terminal.
  public let detachKeys: DetachKeys

  /// Reads the body of the request.
  ///
  /// - Throws: `APIError` with the first field that is wrong, or that says what is not offered.
  public init(_ body: JSON) throws(APIError) {
    var fields = try Fields(body)
    command = try fields.texts("Cmd")
    guard let program = command.first, !program.isEmpty else {
      throw .badRequest("No exec command specified")
    }
    environment = try fields.environment("Env")
    workingDirectory = try fields.text("WorkingDir")
    if let workingDirectory, !workingDirectory.hasPrefix("/") {
      throw fields.wrong("WorkingDir", "\"\(workingDirectory)\" must be an absolute path")
    }
    user = try fields.text("User")
    hasTerminal = try fields.flag("Tty")
    isPrivileged = try fields.flag("Privileged")
    input = try fields.flag("AttachStdin")
    output = try fields.flag("AttachStdout")
    error = try fields.flag("AttachStderr")
    detachKeys = try DetachKeys(try fields.text("DetachKeys") ?? "")
    // Which container it is, is in the path; whether to detach is said again when it starts.
    _ = try fields.text("Container")
    _ = try fields.flag("Detach")
    try fields.refuseRest()
  }
}

/// What `POST /exec/{id}/start` asks for.
public struct ExecStartRequest: Equatable, Sendable {
  /// Whether the client does not wait for what it writes.
  public let isDetached: Bool
  /// Whether it is at a terminal.
  public let hasTerminal: Bool

  /// Reads the body of the request.
  ///
  /// - Throws: `APIError` with the first field that is wrong, or that says what is not offered.
  public init(_ body: JSON) throws(APIError) {
    var fields = try Fields(body)
    isDetached = try fields.flag("Detach")
    hasTerminal = try fields.flag("Tty")
    try fields.refuseRest()
  }
}

/// A program that is or was executed in a container, as the API describes it (`ExecInspectResponse`).
public struct ExecInspection: Sendable {
  /// What it does.
  public enum State: Sendable, Equatable {
    /// It was not started yet.
    case created
    /// It runs, as the process of that number.
    case running(pid: Int32)
    /// It has ended, as a shell would say it.
    case exited(Int32)
  }

  /// 64 hexadecimal digits.
  public var id: String
  /// Of the container.
  public var containerID: String
  /// What was asked for.
  public var request: ExecRequest
  /// What it does.
  public var state: State

  /// The program with that id.
  public init(id: String, containerID: String, request: ExecRequest, state: State) {
    self.id = id
    self.containerID = containerID
    self.request = request
    self.state = state
  }

  /// The document.
  public var json: JSON {
    var pid: Int32 = 0
    var exitCode = JSON.null
    var isRunning = false
    switch state {
    case .created: break
    case .running(let number): (pid, isRunning) = (number, true)
    case .exited(let status): exitCode = JSON(status)
    }
    var process = JSON.Object()
    process["tty"] = .bool(request.hasTerminal)
    process["entrypoint"] = .string(request.command.first ?? "")
    process["arguments"] = .texts(Array(request.command.dropFirst()))
    process["privileged"] = .bool(request.isPrivileged)
    if let user = request.user { process["user"] = .string(user) }
    return .members([
      "ID": .string(id), "Running": .bool(isRunning), "ExitCode": exitCode, "ProcessConfig": .object(process),
      "OpenStdin": .bool(request.input), "OpenStderr": .bool(request.error),
      "OpenStdout": .bool(request.output), "CanRemove": .bool(false), "ContainerID": .string(containerID),
      "DetachKeys": .string(request.detachKeys.text), "Pid": JSON(pid),
    ])
  }
}
