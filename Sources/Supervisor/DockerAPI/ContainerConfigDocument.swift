import Definitions
import OCI

/// What a container or an image says of the program that runs (`ContainerConfig`).
enum ContainerConfigDocument {
  /// The configuration of a container.
  static func of(_ container: ContainerDocument) -> JSON {
    let (definition, settings) = (container.status.definition, container.settings)
    var object = start(image: container.image)
    object["Hostname"] = .string(settings.hostname ?? definition.name)
    object["Domainname"] = .string(settings.domainname ?? "")
    object["User"] = .string(settings.user ?? "")
    let notes = container.status.notes
    for stream in RequestNotes.streams { object[stream] = .bool(notes.attachedStreams.contains(stream)) }
    object["Tty"] = .bool(settings.hasTerminal)
    object["OpenStdin"] = .bool(definition.opensInput)
    object["StdinOnce"] = .bool(definition.closesInput)
    object["Env"] = .texts(settings.environment.variables)
    let entrypoint = container.command.prefix(notes.entrypointLength)
    if !notes.exposedPorts.isEmpty {
      var ports = JSON.Object()
      for port in notes.exposedPorts { ports[port] = .nothing }
      object["ExposedPorts"] = .object(ports)
    }
    let rest = container.command.dropFirst(entrypoint.count)
    if !rest.isEmpty { object["Cmd"] = .texts(Array(rest)) }
    if !entrypoint.isEmpty { object["Entrypoint"] = .texts(Array(entrypoint)) }
    object["WorkingDir"] = .string(settings.workingDirectory == "/" ? "" : settings.workingDirectory)
    object["Labels"] = definition.labels.json
    if let check = definition.healthCheck { object["Healthcheck"] = check.document }
    object["StopSignal"] = .string(definition.stopSignal.name)
    object["StopTimeout"] = .integer(definition.stopTimeout / 1000)
    return .object(object)
  }

  /// The configuration of an image.
  static func of(image: String) -> JSON { .object(start(image: image)) }

  private static func start(image: String) -> JSON.Object {
    var object = JSON.Object()
    for key in ["Hostname", "Domainname", "User"] { object[key] = .string("") }
    for key in ["AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce"] {
      object[key] = .bool(false)
    }
    object["Env"] = .array([])
    object["Cmd"] = .null
    object["Image"] = .string(image)
    object["Volumes"] = .null
    object["WorkingDir"] = .string("")
    object["Entrypoint"] = .null
    object["OnBuild"] = .null
    object["Labels"] = .nothing
    return object
  }
}
