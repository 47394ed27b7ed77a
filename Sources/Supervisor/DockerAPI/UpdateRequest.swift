import Definitions
import OCI

/// What `POST /containers/{id}/update` asks for: other limits, another restart policy.
public struct UpdateRequest: Sendable {
  private let limits: ResourceLimits
  private let restart: PartitionDefinition.RestartPolicy?

  /// Reads the body of the request.
  ///
  /// - Throws: `APIError` with the first field that is wrong, or that says what cannot be changed.
  public init(_ body: JSON) throws(APIError) {
    var fields = try Fields(body)
    limits = try ResourceLimits(&fields)
    restart = try PartitionDefinition.RestartPolicy(try fields.fields("RestartPolicy"))
    try fields.refuseRest()
  }

  /// What `definition` becomes; what the request does not speak of stays.
  ///
  /// - Throws: `APIError` when the result cannot be.
  public func applied(to definition: PartitionDefinition) throws(APIError) -> PartitionDefinition {
    var definition = definition
    if let restart {
      if restart != .no, definition.isRemovedAtEnd {
        throw .conflict(
          "Restart policy cannot be updated because AutoRemove is enabled for the container")
      }
      definition.restart = restart
    }
    guard !limits.isEmpty else { return definition }
    switch definition.content {
    case .partition(var settings):
      try limits.apply(to: &settings)
      definition.content = .partition(settings)
    case .bundle(let directory):
      throw .conflict(
        "the limits of \(definition.name) are those in \(directory)/config.json; change them there")
    }
    return definition
  }

  /// The answer.
  ///
  /// - Parameter file: whether a file defines the container.
  public static func response(isDefinedByFile file: Bool) -> JSON {
    let warning = "a file defines this partition: what that says holds again when it is read anew"
    return .members(["Warnings": .texts(file ? [warning] : [])])
  }
}
