/// A message of the kernel's routing family (`netlink(7)`, `rtnetlink(7)`): a header of a fixed size that belongs to its type,
/// and attributes. Numbers are in the machine's order.
struct NetlinkMessage: Equatable {
  /// `RTM_*`, or `NLMSG_*` for one of netlink itself.
  var type: UInt16
  /// `NLM_F_*`
  var flags: UInt16
  /// What follows the header of netlink.
  var payload: [UInt8]

  /// What a message can carry beside its fixed part.
  struct Attribute: Equatable {
    var type: UInt16
    var value: [UInt8]
  }

  static let headerSize = 16
  private static let attributeHeaderSize = 4

  init(type: UInt16, flags: UInt16, payload: [UInt8] = []) {
    self.type = type
    self.flags = flags
    self.payload = payload
  }

  /// Adds an attribute.
  mutating func add(_ type: UInt16, _ value: [UInt8]) {
    payload += Self.bytes(of: UInt16(Self.attributeHeaderSize + value.count)) + Self.bytes(of: type) + value
    pad()
  }

  /// Adds an attribute with a number.
  mutating func add(_ type: UInt16, _ value: Int32) { add(type, Self.bytes(of: value)) }

  /// Adds an attribute with a text.
  mutating func add(_ type: UInt16, _ value: String) { add(type, Array(value.utf8) + [0]) }

  private mutating func pad() {
    while payload.count % 4 != 0 { payload.append(0) }
  }

  /// The message as it is sent.
  func bytes(sequence: UInt32) -> [UInt8] {
    Self.bytes(of: UInt32(Self.headerSize + payload.count)) + Self.bytes(of: type) + Self.bytes(of: flags)
      + Self.bytes(of: sequence) + Self.bytes(of: UInt32(0)) + payload
  }

  /// The attributes behind a fixed part of `size` bytes. What is cut off is left out.
  func attributes(after size: Int) -> [Attribute] {
    var attributes: [Attribute] = []
    var start = size
    while start + Self.attributeHeaderSize <= payload.count {
      let length = Int(Self.number(payload, at: start, as: UInt16.self))
      guard length >= Self.attributeHeaderSize, start + length <= payload.count else { break }
      // The highest bits say that there are attributes in it, and in which order its bytes are.
      let type = Self.number(payload, at: start + 2, as: UInt16.self) & 0x3FFF
      attributes.append(
        Attribute(type: type, value: Array(payload[start + Self.attributeHeaderSize..<start + length])))
      start += (length + 3) & ~3
    }
    return attributes
  }

  /// The messages in what came over a socket, each with its sequence number. What is cut off is left out.
  static func parse(_ bytes: [UInt8]) -> [(sequence: UInt32, message: NetlinkMessage)] {
    var messages: [(sequence: UInt32, message: NetlinkMessage)] = []
    var start = 0
    while start + headerSize <= bytes.count {
      let length = Int(number(bytes, at: start, as: UInt32.self))
      guard length >= headerSize, start + length <= bytes.count else { break }
      let message = NetlinkMessage(
        type: number(bytes, at: start + 4, as: UInt16.self),
        flags: number(bytes, at: start + 6, as: UInt16.self),
        payload: Array(bytes[start + headerSize..<start + length]))
      messages.append((number(bytes, at: start + 8, as: UInt32.self), message))
      start += (length + 3) & ~3
    }
    return messages
  }

  /// A number in `bytes`; 0 beyond their end.
  static func number<Number: FixedWidthInteger>(_ bytes: [UInt8], at start: Int, as type: Number.Type)
    -> Number
  {
    var number: Number = 0
    guard start + MemoryLayout<Number>.size <= bytes.count else { return number }
    withUnsafeMutableBytes(of: &number) { $0.copyBytes(from: bytes[start..<start + $0.count]) }
    return number
  }

  static func bytes<Number: FixedWidthInteger>(of number: Number) -> [UInt8] {
    var number = number
    return withUnsafeBytes(of: &number) { Array($0) }
  }
}
