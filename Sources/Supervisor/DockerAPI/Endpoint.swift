import Linux

/// What a request of the API is for, with the parameters of its target.
public enum Endpoint: Equatable, Sendable {
  // The engine.
  case ping
  case version
  case info
  case diskUsage
  case events(EventQuery)
  case metrics

  // Containers.
  case listContainers(ContainerList)
  /// `platform` is the kind of system whose programs are to run; `nil` for whatever there is.
  case createContainer(name: String?, platform: String? = nil)
  case inspectContainer(ContainerReference, includesSizes: Bool)
  case processes(ContainerReference, psArguments: String)
  case logs(ContainerReference, LogQuery)
  case changes(ContainerReference)
  case statistics(ContainerReference, isStream: Bool, isOneShot: Bool)
  case resizeContainer(ContainerReference, TerminalSize)
  case start(ContainerReference)
  /// `timeout` in seconds; `nil` for the container's own, -1 for none.
  case stop(ContainerReference, timeout: Int64?)
  case restart(ContainerReference, timeout: Int64?)
  case kill(ContainerReference, Signal)
  case update(ContainerReference)
  case rename(ContainerReference, to: String)
  case pause(ContainerReference)
  case unpause(ContainerReference)
  case attach(ContainerReference, AttachQuery)
  case wait(ContainerReference, WaitCondition)
  case removeContainer(ContainerReference, isForced: Bool)
  case archiveStatus(ContainerReference, path: String)
  case readArchive(ContainerReference, path: String)
  case writeArchive(ContainerReference, ArchiveQuery)
  case pruneContainers(ContainerPrune)

  // Programs that are executed in containers.
  case createExecution(ContainerReference)
  case startExecution(String)
  case resizeExecution(String, TerminalSize)
  case inspectExecution(String)

  // What there is beside containers.
  case listImages(filters: String?)
  case inspectImage(String)
  case imageHistory(String)
  case listNetworks(filters: String?)
  case inspectNetwork(String)
  case listVolumes
  case pruneNothing(Absent)

  /// The container that it is about; `nil` for one that is about none, or several.
  public var container: ContainerReference? {
    switch self {
    case .inspectContainer(let reference, _), .processes(let reference, _), .logs(let reference, _),
      .changes(let reference), .statistics(let reference, _, _), .resizeContainer(let reference, _),
      .start(let reference), .stop(let reference, _), .restart(let reference, _), .kill(let reference, _),
      .update(let reference), .rename(let reference, _), .pause(let reference), .unpause(let reference),
      .attach(let reference, _), .wait(let reference, _), .removeContainer(let reference, _),
      .archiveStatus(let reference, _), .readArchive(let reference, _), .writeArchive(let reference, _),
      .createExecution(let reference):
      reference
    case .ping, .version, .info, .diskUsage, .events, .metrics, .listContainers, .createContainer,
      .pruneContainers, .startExecution, .resizeExecution, .inspectExecution, .listImages, .inspectImage,
      .imageHistory, .listNetworks, .inspectNetwork, .listVolumes, .pruneNothing:
      nil
    }
  }

  /// Whether the answer may last as long as the client likes.
  var isStream: Bool {
    switch self {
    case .events, .logs, .attach, .wait, .startExecution, .readArchive: true
    case .statistics(_, let isStream, _): isStream
    default: false
    }
  }

  /// A kind of thing of which there is nothing to be removed, as there is none or it is not ours.
  public enum Absent: String, Sendable {
    case build
    case images
    case networks
    case volumes
  }

  /// How large a terminal is to be.
  public struct TerminalSize: Equatable, Sendable {
    /// In characters.
    public let height: UInt16
    /// In characters.
    public let width: UInt16
  }

  /// Which part of what a container wrote is wanted.
  public struct LogQuery: Equatable, Sendable {
    /// Whether its standard output is wanted.
    public let output: Bool
    /// Whether its standard error is wanted.
    public let error: Bool
    /// Whether what it writes from now on is wanted as well.
    public let follows: Bool
    /// Whether each line begins with its time.
    public let hasTimes: Bool
    /// From when on, in nanoseconds since 1970; `nil` for all.
    public let since: Int64?
    /// Until when, in nanoseconds since 1970; `nil` for without an end.
    public let until: Int64?
    /// How many of the last lines; `nil` for all.
    public let tail: Int?
  }

  /// Which streams a client wants to be attached to.
  public struct AttachQuery: Equatable, Sendable {
    /// Whether what was written before is wanted.
    public let logs: Bool
    /// Whether what comes from now on is wanted.
    public let stream: Bool
    /// Whether the client writes to standard input.
    public let input: Bool
    /// Whether it reads standard output.
    public let output: Bool
    /// Whether it reads standard error.
    public let error: Bool
    /// The keys that detach it from a terminal.
    public let detachKeys: DetachKeys
  }

  /// What is waited for.
  public enum WaitCondition: String, Sendable {
    /// That it does not run.
    case notRunning = "not-running"
    /// That it ends from now on.
    case nextExit = "next-exit"
    /// That it is removed.
    case removed
  }

  /// How an archive is unpacked into a container.
  public struct ArchiveQuery: Equatable, Sendable {
    /// The directory in the container.
    public let path: String
    /// Whether a directory is never put in the place of a file, nor the other way round.
    public let keepsKinds: Bool
    /// Whether all of it is given to the user that the container runs as, when that is not root; otherwise it belongs to
    /// those whom the archive names.
    public let givesToUser: Bool
  }
}
