import Definitions
import Layers
import OCI

extension PartitionDefinition.LogLimits {
  /// Reads a `LogConfig` of the API.
  init(_ fields: Fields) throws(APIError) {
    self.init()
    var fields = fields
    try fields.accept("Type", "json-file")
    var options = try fields.fields("Config")
    if let text = try options.text("max-size") {
      guard let size = ByteSize(text), size.bytes > 0 else {
        throw options.wrong("max-size", "\"\(text)\" is not a size such as 10m")
      }
      self.size = size.bytes
    }
    if let text = try options.text("max-file") {
      guard let files = Int(text), (1...Self.mostFiles).contains(files) else {
        throw options.wrong("max-file", "\"\(text)\" is not a number from 1 to \(Self.mostFiles)")
      }
      self.files = files
    }
    try options.refuseRest()
    try fields.refuseRest()
  }

  /// The limits as the API writes them, the size as `notes` have it when that says the same.
  func document(_ notes: RequestNotes) -> JSON {
    let text = notes.logSize.flatMap { ByteSize($0)?.bytes == self.size ? $0 : nil }
    return .members([
      "Type": .string("json-file"),
      "Config": .members(["max-size": .string(text ?? "\(size)"), "max-file": .string("\(files)")]),
    ])
  }
}
