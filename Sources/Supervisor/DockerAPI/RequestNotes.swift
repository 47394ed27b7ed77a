import Definitions
import Layers
import OCI

/// What a client has said of a container that changes nothing about it, and is told again as it was said.
public struct RequestNotes: Equatable, Sendable {
  /// The standard streams that it meant to attach to, by their names in a `ContainerConfig`.
  public var attachedStreams: [String] = []
  /// How many of the command's words were its entrypoint.
  public var entrypointLength = 0
  /// What was asked for as `SecurityOpt`.
  public var securityOptions: [String] = []
  /// Where those mounts are that were asked for as `Mounts`.
  public var mountTargets: [String] = []
  /// The ports on which its program listens, such as `80/tcp`.
  public var exposedPorts: [String] = []
  /// The size of a log's file, as it was written.
  public var logSize: String?

  static let streams = ["AttachStdin", "AttachStdout", "AttachStderr"]

  /// Nothing.
  public init() {}

  /// A longer text for a size has zeros that nobody needs to hear of.
  static let longestSize = 24
}

extension RequestNotes: JSONRepresentable {
  /// Reads what `json` wrote.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    attachedStreams = try object.optional("attachedStreams", or: [])
    entrypointLength = try object.optional("entrypointLength", or: 0)
    securityOptions = try object.optional("securityOptions", or: [])
    mountTargets = try object.optional("mountTargets", or: [])
    exposedPorts = try object.optional("exposedPorts", or: [])
    logSize = try object.text("logSize")
  }

  /// The notes as an object.
  public var json: JSON {
    var object = JSON.Object()
    object.add("attachedStreams", attachedStreams, unless: [])
    object.add("entrypointLength", entrypointLength, unless: 0)
    object.add("securityOptions", securityOptions, unless: [])
    object.add("mountTargets", mountTargets, unless: [])
    object.add("exposedPorts", exposedPorts, unless: [])
    object.add("logSize", ifPresent: logSize)
    return .object(object)
  }
}
