import Container
import Layers
import Linux
import OCI

/// A process that takes a command into a container for its parent, and ends.
struct ExecutionWorker {
  let partition: String
  let settings: Execution.Settings
  let store: ContainerStore
  let report: Int32
  /// The file in which it is noted what was started.
  let recordPath: String?

  func run() -> Never {
    OutOfMemoryAdjustment.restore()
    let said: WorkerReport
    do throws(ContainerError) {
      let container = try store.container(try ContainerID(partition))
      let process = try container.exec(options(container))
      // Who has asked for it may be gone.
      if let recordPath { CheckRecords.note(process.pid, at: recordPath) }
      said = .started(pid: try WorkerReport.handOver(process, over: report))
    } catch {
      said = .failed(error.description)
    }
    said.send(over: report)
  }

  /// As the container's own program, but for what was asked for.
  private func options(_ container: Container) throws(ContainerError) -> ExecOptions {
    var process = try container.config().process ?? RuntimeConfig.Process(args: [], cwd: "/")
    process.args = settings.command
    process.terminal = settings.hasTerminal
    process.consoleSize = nil
    let names = Set(settings.environment.map(Self.name))
    process.env = process.env.filter { !names.contains(Self.name($0)) } + settings.environment
    if let directory = settings.workingDirectory { process.cwd = directory }
    if settings.isPrivileged {
      let bounding = Capabilities.bounding()
      let names = Capabilities.names.indices.filter { bounding.contains($0) }.map { Capabilities.names[$0] }
      process.capabilities = RuntimeConfig.Capabilities(
        bounding: names, effective: names, permitted: names)
      process.noNewPrivileges = false
    }
    if let user = settings.user { process.user = try self.user(user, in: container) }
    var options = ExecOptions(process: process)
    options.isSibling = true
    return options
  }

  /// The user called `name`, as the container's own files know it.
  private func user(_ name: String, in container: Container) throws(ContainerError) -> RuntimeConfig.User {
    do throws(LayerError) { return try container.accounts.user(name) } catch {
      throw ContainerError(.invalidConfig, error.description)
    }
  }

  /// The name of a variable.
  private static func name(_ variable: String) -> Substring { variable.prefix { $0 != "=" } }
}
