/// A text in the exposition format of Prometheus, version 0.0.4.
///
/// Families are written one after the other, each with all of its samples, as the format wants it.
public struct PrometheusText {
  /// The media type of the text.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// What a family is.
  public enum Kind: String, Sendable {
    /// A number that only grows, until what counts it starts anew.
    case counter
    /// A number that goes up and down.
    case gauge
  }

  /// Labels in the form in which they are written, so that those of many samples are written once.
  public struct Labels: Sendable {
    fileprivate private(set) var bytes: [UInt8] = []

    /// No labels.
    public init() {}

    /// The labels given.
    public init(_ pairs: KeyValuePairs<String, String>) {
      for (name, value) in pairs { add(name, value) }
    }

    /// These labels and another one.
    public func adding(_ name: String, _ value: String) -> Labels {
      var labels = self
      labels.add(name, value)
      return labels
    }

    private mutating func add(_ name: String, _ value: String) {
      if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
      bytes.append(contentsOf: name.utf8)
      bytes.append(contentsOf: #"=""#.utf8)
      for byte in value.utf8 {
        switch byte {
        case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
        case UInt8(ascii: "\""): bytes.append(contentsOf: #"\""#.utf8)
        case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
        default: bytes.append(byte)
        }
      }
      bytes.append(UInt8(ascii: "\""))
    }
  }

  /// The text so far.
  public private(set) var bytes: [UInt8] = []
  private var header: [UInt8] = []
  private var name = ""

  /// No text.
  public init() {}

  /// Begins the family `name`. One that gets no samples is not written.
  ///
  /// - Parameter help: one sentence on one line, without a backslash.
  public mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    header = Array("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n".utf8)
  }

  /// Writes a sample of the family.
  public mutating func sample(_ value: some BinaryInteger, _ labels: Labels = Labels()) {
    write(value.description, labels)
  }

  /// Writes a sample of the family.
  public mutating func sample(_ value: Double, _ labels: Labels = Labels()) {
    write(value.isNaN ? "NaN" : value.isInfinite ? value < 0 ? "-Inf" : "+Inf" : value.description, labels)
  }

  /// Writes a sample of the family: a number of microseconds as seconds.
  public mutating func sample(microseconds: UInt64, _ labels: Labels = Labels()) {
    let rest = String(microseconds % 1_000_000)
    let zeros = String(repeating: "0", count: 6 - rest.utf8.count)
    write("\(microseconds / 1_000_000).\(zeros)\(rest)", labels)
  }

  private mutating func write(_ value: String, _ labels: Labels) {
    if !header.isEmpty {
      bytes += header
      header = []
    }
    bytes.append(contentsOf: name.utf8)
    if !labels.bytes.isEmpty {
      bytes.append(UInt8(ascii: "{"))
      bytes += labels.bytes
      bytes.append(UInt8(ascii: "}"))
    }
    bytes.append(UInt8(ascii: " "))
    bytes.append(contentsOf: value.utf8)
    bytes.append(UInt8(ascii: "\n"))
  }
}
