import OCI

/// An event as the API has it (`EventMessage`), and the journal.
public struct EventMessage: Equatable, Sendable {
  /// What happened: with an `exec_start`, what was executed as well.
  public var action: String
  /// The container's id.
  public var id: String
  /// What is said about it: the container's name, its image and labels, and what the action has.
  public var attributes: NamedValues<String>
  /// When, in nanoseconds since 1970.
  public var time: Int64

  /// The container's name.
  public var name: String { attributes["name"] ?? "" }
  /// What the container is made of.
  public var image: String { attributes["image"] ?? "" }

  /// Containers that had ended were removed, which has freed so many bytes.
  static func pruned(_ bytes: Int64, at time: Int64) -> EventMessage {
    EventMessage(action: "prune", id: "", attributes: ["reclaimed": String(bytes)], time: time)
  }

  /// The document on a line, as it goes into the stream.
  public var line: [UInt8] { json.bytes() + [UInt8(ascii: "\n")] }
}

extension EventMessage: JSONRepresentable {
  /// Reads what `json` wrote.
  public init(json: JSON) throws(ConfigError) {
    let object = try JSON.Object(json: json)
    action = try object.required("Action")
    let actor: JSON.Object = try object.required("Actor")
    id = try actor.optional("ID", or: "")
    attributes = try actor.optional("Attributes", or: [:])
    time = try object.required("timeNano")
  }

  /// The document.
  public var json: JSON {
    .members([
      "status": .string(action), "id": .string(id), "from": .string(image), "Type": .string("container"),
      "Action": .string(action),
      "Actor": .members(["ID": .string(id), "Attributes": attributes.json]), "scope": .string("local"),
      "time": .integer(time / 1_000_000_000), "timeNano": .integer(time),
    ])
  }
}
