import OCI

/// A line of the journal: an event, and of which ends all is told.
struct JournalEntry: Equatable {
  /// Ends that are told, and the boot of the machine in which their numbers count.
  struct Mark: Equatable {
    var boot: String
    var ends: EndMarks
  }

  var message: EventMessage
  /// Of these ends, the journal has what is to be said up to this line.
  var mark: Mark
}

extension JournalEntry: JSONRepresentable {
  init(json: JSON) throws(ConfigError) {
    message = try EventMessage(json: json)
    let mark: JSON.Object = try JSON.Object(json: json).required("lastEnds")
    self.mark = Mark(boot: try mark.required("boot"), ends: try mark.required("numbers"))
  }

  var json: JSON {
    var object = JSON.Object()
    object["lastEnds"] = .members(["boot": .string(mark.boot), "numbers": mark.ends.json])
    guard case .object(let document) = message.json else { return .null }
    for member in document.members { object[member.key] = member.value }
    return .object(object)
  }

  /// The document on a line.
  var line: [UInt8] { json.bytes() + [UInt8(ascii: "\n")] }
}

// There may be a hundred thousand lines of which a client wants few.
extension JournalEntry {
  /// When that happened of which `line` tells, by what every line ends with; `nil` when this one does not.
  static func time(of line: UnsafeRawBufferPointer) -> Int64? {
    guard line.last == UInt8(ascii: "}") else { return nil }
    // No number has more digits.
    let end = line.dropLast().suffix(20)
    let digits = (end.lastIndex { $0 < UInt8(ascii: "0") || $0 > UInt8(ascii: "9") }).map { end[($0 + 1)...] }
    guard let digits, line[digits.startIndex - 1] == UInt8(ascii: ":") else { return nil }
    return Int64(String(decoding: digits, as: UTF8.self))
  }

  /// The event's document in `line` with a newline, as it goes into a stream: what is behind the mark. `nil` for a line
  /// that does not begin with one.
  static func document(of line: UnsafeRawBufferPointer) -> [UInt8]? {
    let beginning = Array(#"{"lastEnds":{"#.utf8)
    guard line.starts(with: beginning), let end = line.firstIndex(of: UInt8(ascii: "}")),
      end + 1 < line.count, line[end + 1] == UInt8(ascii: ",")
    else { return nil }
    var document: [UInt8] = []
    document.reserveCapacity(line.count)
    document.append(UInt8(ascii: "{"))
    document.append(contentsOf: line[(end + 2)...])
    document.append(UInt8(ascii: "\n"))
    return document
  }
}
