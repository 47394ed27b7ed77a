import Testing

@testable import Linux

@Suite("Netlink messages")
struct NetlinkMessageTests {
  @Test("A message is written with its length, its attributes padded, and read as the same")
  func roundTrip() throws {
    var message = NetlinkMessage(type: 16, flags: 5, payload: NetlinkLinkHeader.bytes)
    message.add(3, "eth0")
    message.add(28, Int32(7))
    message.add(9, [1, 2, 3])
    let bytes = message.bytes(sequence: 42)
    #expect(bytes.count == 16 + 16 + 12 + 8 + 8)
    let parsed = NetlinkMessage.parse(bytes + bytes)
    #expect(parsed.count == 2)
    let first = try #require(parsed.first)
    #expect(first.sequence == 42 && first.message == message)
    #expect(
      first.message.attributes(after: 16) == [
        .init(type: 3, value: Array("eth0".utf8) + [0]), .init(type: 28, value: [7, 0, 0, 0]),
        .init(type: 9, value: [1, 2, 3]),
      ])
  }

  enum NetlinkLinkHeader { static let bytes = NetworkLink.header(index: 9) }

  @Test("What is cut off, or has a length of its own that cannot be, is left out", arguments: 0..<44)
  func cut(count: Int) {
    var message = NetlinkMessage(type: 16, flags: 0, payload: NetworkLink.header())
    message.add(3, "eth0")
    let bytes = message.bytes(sequence: 1)
    #expect(NetlinkMessage.parse(Array(bytes[..<count])).isEmpty == (count < 44))
    var short = message
    short.payload = Array(message.payload.prefix(count))
    #expect(short.attributes(after: 16).count <= 1)
    for position in bytes.indices {
      var damaged = bytes
      damaged[position] = 0xFF
      for (_, message) in NetlinkMessage.parse(damaged) { _ = message.attributes(after: 16) }
      damaged[position] = 0
      for (_, message) in NetlinkMessage.parse(damaged) { _ = message.attributes(after: 16) }
    }
  }

  @Test("An address is kept when it is permanent and global, and loses its label when its device is renamed")
  func addresses() throws {
    func address(flags: UInt8, scope: UInt8, all: UInt32? = nil) throws -> NetworkAddress {
      var message = NetlinkMessage(type: 20, flags: 0, payload: [2, 24, flags, scope, 3, 0, 0, 0])
      message.add(2, [10, 0, 0, 1])
      message.add(3, "eth0")
      if let all { message.add(8, Int32(all)) }
      return try #require(NetworkAddress(message))
    }
    try #expect(address(flags: 0x80, scope: 0).isPermanentAndGlobal)
    try #expect(address(flags: 0, scope: 0, all: 0x280).isPermanentAndGlobal)
    try #expect(!address(flags: 0, scope: 0).isPermanentAndGlobal)
    try #expect(!address(flags: 0x80, scope: 253).isPermanentAndGlobal)
    let kept = try address(flags: 0x80, scope: 0).message(for: 7, isRenamed: false)
    #expect(kept.payload.prefix(8) == [2, 24, 0x80, 0, 7, 0, 0, 0])
    #expect(kept.attributes(after: 8).map(\.type) == [2, 3])
    let renamed = try address(flags: 0x80, scope: 0).message(for: 7, isRenamed: true)
    #expect(renamed.attributes(after: 8).map(\.type) == [2])
  }

  @Test("The words of an error come behind the request, which may be cut to its header")
  func reason() {
    for (isCapped, request) in [(true, 16), (false, 44)] {
      var error = NetlinkMessage(
        type: 2, flags: isCapped ? 0x300 : 0x200,
        payload: NetlinkMessage.bytes(of: Int32(-22)) + NetlinkMessage.bytes(of: UInt32(44))
          + [UInt8](repeating: 0, count: request - 4))
      error.add(1, "it is immutable")
      #expect(error.reason == "it is immutable")
      error.flags = isCapped ? 0x100 : 0
      #expect(error.reason == nil)
    }
    #expect(NetlinkMessage(type: 2, flags: 0x200).reason == nil)
  }
}
