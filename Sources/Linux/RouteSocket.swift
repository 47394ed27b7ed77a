import CLinux
import Glibc

/// A connection to the network configuration of one network namespace (`rtnetlink(7)`).
public struct RouteSocket: ~Copyable {
  private let socket: FileDescriptor
  private var sequence: UInt32 = 0
  /// What the kernel said in words when it last refused something; `nil` when it said nothing.
  public private(set) var reason: String?

  /// One to this process's network namespace.
  public init() throws(Errno) { socket = try Self.socket() }

  /// One to the network namespace `namespace`. This process, which has one thread, is in that for a moment.
  public init(in namespace: borrowing FileDescriptor) throws(Errno) {
    socket = try Self.socket(in: namespace)
  }

  private static func socket() throws(Errno) -> FileDescriptor {
    // AF_NETLINK, NETLINK_ROUTE
    let socket = FileDescriptor(
      owning: try once { Glibc.socket(16, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), 0) })
    // SOL_NETLINK, NETLINK_EXT_ACK
    var isOn: Int32 = 1
    try once { setsockopt(socket.rawValue, 270, 11, &isOn, socklen_t(MemoryLayout<Int32>.size)) }
    return socket
  }

  private static func socket(in namespace: borrowing FileDescriptor) throws(Errno) -> FileDescriptor {
    let own = try FileDescriptor.open("/proc/self/ns/net", .readOnly)
    try namespace.enter(.network)
    do throws(Errno) {
      let made = try socket()
      try own.enter(.network)
      return made
    } catch {
      try own.enter(.network)
      throw error
    }
  }

  // What the kernel answers beside messages of the family's own.
  private static let error: UInt16 = 2
  private static let done: UInt16 = 3
  private static let acknowledged: UInt16 = 4

  /// Sends `request` and waits until the kernel has carried it out.
  ///
  /// - Returns: what it said.
  /// - Throws: why it did not.
  mutating func call(_ request: NetlinkMessage) throws(Errno) -> [NetlinkMessage] {
    sequence += 1
    var request = request
    let isDump = request.flags & NetlinkMessage.dump == NetlinkMessage.dump
    request.flags |= NetlinkMessage.request | (isDump ? 0 : Self.acknowledged)
    let bytes = request.bytes(sequence: sequence)
    _ = try retrying {
      bytes.withUnsafeBytes { Glibc.send(socket.rawValue, $0.baseAddress, $0.count, 0) }
    }
    var answers: [NetlinkMessage] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = try retrying {
        buffer.withUnsafeMutableBytes { recv(socket.rawValue, $0.baseAddress, $0.count, 0) }
      }
      // An answer to an earlier request, which somebody gave up, is passed over.
      for (number, message) in NetlinkMessage.parse(Array(buffer[..<count])) where number == sequence {
        switch message.type {
        case Self.done, Self.error:
          let code = NetlinkMessage.number(message.payload, at: 0, as: Int32.self)
          guard code >= 0 else {
            reason = message.reason
            throw Errno(rawValue: -code)
          }
          return answers
        default: answers.append(message)
        }
      }
    }
  }
}

extension NetlinkMessage {
  /// `NLM_F_REQUEST`
  fileprivate static let request: UInt16 = 1
  /// `NLM_F_DUMP`
  static let dump: UInt16 = 0x300
  /// `NLM_F_CREATE`
  static let create: UInt16 = 0x400
  /// `NLM_F_REPLACE`
  static let replace: UInt16 = 0x100
  private static let isCapped: UInt16 = 0x100
  private static let hasAttributes: UInt16 = 0x200

  /// The words of an error (`NLMSGERR_ATTR_MSG`), which come behind the request that it is about, or its header.
  var reason: String? {
    guard flags & Self.hasAttributes != 0 else { return nil }
    let length =
      flags & Self.isCapped != 0
      ? Self.headerSize : Int(Self.number(payload, at: MemoryLayout<Int32>.size, as: UInt32.self))
    let words = attributes(after: MemoryLayout<Int32>.size + (length + 3) & ~3).first { $0.type == 1 }
    return words.map { String(decoding: $0.value.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
