/// A message of protocol buffers, as far as criu's service uses them: whole numbers, text and messages within messages.
struct CheckpointMessage: Equatable, Sendable {
  /// The message as it is sent.
  private(set) var bytes: [UInt8] = []

  private enum WireType {
    static let number: UInt64 = 0
    static let fixed64: UInt64 = 1
    static let bytes: UInt64 = 2
    static let fixed32: UInt64 = 5
  }

  private mutating func append(varint number: UInt64) {
    var rest = number
    while rest > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// Adds the whole number `value`, a negative one as its 64-bit complement.
  mutating func add(_ field: UInt64, _ value: Int64) {
    append(varint: field << 3 | WireType.number)
    append(varint: UInt64(bitPattern: value))
  }

  /// Adds the flag `value`.
  mutating func add(_ field: UInt64, _ value: Bool) { add(field, value ? 1 : 0) }

  /// Adds the text `value`.
  mutating func add(_ field: UInt64, _ value: String) { add(field, bytes: Array(value.utf8)) }

  /// Adds the message `value`.
  mutating func add(_ field: UInt64, _ value: CheckpointMessage) { add(field, bytes: value.bytes) }

  private mutating func add(_ field: UInt64, bytes value: [UInt8]) {
    append(varint: field << 3 | WireType.bytes)
    append(varint: UInt64(value.count))
    bytes += value
  }

  /// The fields of a message that was received; of a field that comes several times, the last one.
  struct Fields {
    private var numbers: [(field: UInt64, value: UInt64)] = []
    private var texts: [(field: UInt64, value: [UInt8])] = []

    /// Reads `bytes`; `nil` when they are no message.
    init?(_ bytes: [UInt8]) {
      var rest = bytes[...]
      while !rest.isEmpty {
        guard let tag = Self.varint(&rest) else { return nil }
        switch tag & 7 {
        case WireType.number:
          guard let value = Self.varint(&rest) else { return nil }
          numbers.append((tag >> 3, value))
        case WireType.bytes:
          guard let count = Self.varint(&rest), count <= UInt64(rest.count) else { return nil }
          texts.append((tag >> 3, Array(rest.prefix(Int(count)))))
          rest = rest.dropFirst(Int(count))
        // The service sends none of these today.
        case WireType.fixed64:
          guard rest.count >= 8 else { return nil }
          rest = rest.dropFirst(8)
        case WireType.fixed32:
          guard rest.count >= 4 else { return nil }
          rest = rest.dropFirst(4)
        default: return nil
        }
      }
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = bytes.popFirst() else { return nil }
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }

    /// The number in `field`.
    func number(_ field: UInt64) -> Int64? {
      numbers.last { $0.field == field }.map { Int64(bitPattern: $0.value) }
    }

    /// Whether the flag in `field` is set.
    func flag(_ field: UInt64) -> Bool { number(field) ?? 0 != 0 }

    /// The text in `field`.
    func text(_ field: UInt64) -> String? {
      texts.last { $0.field == field }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// The message in `field`.
    func message(_ field: UInt64) -> Fields? {
      texts.last { $0.field == field }.flatMap { Fields($0.value) }
    }
  }
}
