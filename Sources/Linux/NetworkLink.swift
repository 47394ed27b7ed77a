/// A network device in one network namespace (`rtnetlink(7)`, `RTM_NEWLINK`).
public struct NetworkLink: Hashable, Sendable {
  /// Its number in the namespace.
  public let index: Int32
  /// Its name.
  public let name: String
  /// Whether it is the loopback device, which every namespace has for itself.
  public let isLoopback: Bool

  // RTM_NEWLINK, RTM_GETLINK and the attributes IFLA_*.
  static let new: UInt16 = 16
  static let get: UInt16 = 18
  static let ifName: UInt16 = 3
  static let netNsFD: UInt16 = 28
  static let newIfIndex: UInt16 = 49
  /// `IFF_UP`
  static let up: UInt32 = 1
  private static let loopback: UInt32 = 8

  /// The fixed part of messages about devices (`struct ifinfomsg`).
  static func header(index: Int32 = 0, flags: UInt32 = 0, change: UInt32 = 0) -> [UInt8] {
    [0, 0, 0, 0] + NetlinkMessage.bytes(of: index) + NetlinkMessage.bytes(of: flags)
      + NetlinkMessage.bytes(of: change)
  }
  static let headerSize = 16

  init(_ message: NetlinkMessage) {
    index = NetlinkMessage.number(message.payload, at: 4, as: Int32.self)
    isLoopback = NetlinkMessage.number(message.payload, at: 8, as: UInt32.self) & Self.loopback != 0
    let name = message.attributes(after: Self.headerSize).first { $0.type == Self.ifName }
    self.name = String(decoding: (name?.value ?? []).prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// An address of a network device (`rtnetlink(7)`, `RTM_NEWADDR`), with all that belongs to it.
public struct NetworkAddress: Equatable, Sendable {
  // RTM_NEWADDR, RTM_GETADDR and the attributes IFA_*.
  static let new: UInt16 = 20
  static let get: UInt16 = 22
  private static let label: UInt16 = 3
  private static let allFlags: UInt16 = 8
  private static let isPermanent: UInt32 = 0x80

  static let headerSize = 8

  let family: UInt8
  let prefixLength: UInt8
  let flags: UInt8
  let scope: UInt8
  let index: Int32
  private let attributes: [Pair]

  private struct Pair: Equatable, Sendable {
    let type: UInt16
    let value: [UInt8]
  }

  init?(_ message: NetlinkMessage) {
    guard message.payload.count >= Self.headerSize else { return nil }
    family = message.payload[0]
    prefixLength = message.payload[1]
    flags = message.payload[2]
    scope = message.payload[3]
    index = NetlinkMessage.number(message.payload, at: 4, as: Int32.self)
    attributes = message.attributes(after: Self.headerSize).map { Pair(type: $0.type, value: $0.value) }
  }

  /// Whether it does not expire, and is meant for all (`IFA_F_PERMANENT`, `RT_SCOPE_UNIVERSE`).
  public var isPermanentAndGlobal: Bool {
    let all = attributes.first { $0.type == Self.allFlags }
    let flags = all.map { NetlinkMessage.number($0.value, at: 0, as: UInt32.self) } ?? UInt32(flags)
    return scope == 0 && flags & Self.isPermanent != 0
  }

  /// The message that gives the address to the device with the number `index`. Its label starts with the device's name: it is
  /// left out when that is another now.
  func message(for index: Int32, isRenamed: Bool) -> NetlinkMessage {
    var message = NetlinkMessage(
      type: Self.new, flags: NetlinkMessage.create | NetlinkMessage.replace,
      payload: [family, prefixLength, flags, scope] + NetlinkMessage.bytes(of: index))
    for attribute in attributes where !isRenamed || attribute.type != Self.label {
      message.add(attribute.type, attribute.value)
    }
    return message
  }
}

extension RouteSocket {
  /// The device called `name`; `nil` when there is none.
  public mutating func link(_ name: String) throws(Errno) -> NetworkLink? {
    var message = NetlinkMessage(type: NetworkLink.get, flags: 0, payload: NetworkLink.header())
    message.add(NetworkLink.ifName, name)
    do throws(Errno) {
      return try call(message).first { $0.type == NetworkLink.new }.map { NetworkLink($0) }
    } catch .noSuchDevice { return nil }
  }

  /// The addresses of the device with the number `index`.
  public mutating func addresses(of index: Int32) throws(Errno) -> [NetworkAddress] {
    let message = NetlinkMessage(
      type: NetworkAddress.get, flags: NetlinkMessage.dump,
      payload: [UInt8](repeating: 0, count: NetworkAddress.headerSize))
    return try call(message).compactMap { NetworkAddress($0) }.filter { $0.index == index }
  }

  /// Gives `address` of another device to the one with the number `index`.
  ///
  /// - Parameter isRenamed: whether that has another name.
  public mutating func add(_ address: NetworkAddress, to index: Int32, isRenamed: Bool) throws(Errno) {
    _ = try call(address.message(for: index, isRenamed: isRenamed))
  }

  /// Takes the device with the number `index` into use.
  public mutating func bringUp(_ index: Int32) throws(Errno) {
    _ = try call(
      NetlinkMessage(
        type: NetworkLink.new, flags: 0,
        payload: NetworkLink.header(index: index, flags: NetworkLink.up, change: NetworkLink.up)))
  }

  /// Moves a device to the network namespace `namespace`, where it is called `name`; `%d` in that is a number that is free.
  /// Its hardware address and MTU stay, its addresses and routes do not.
  ///
  /// - Returns: its number there.
  public mutating func move(
    _ link: NetworkLink, to namespace: borrowing FileDescriptor, as name: String
  ) throws(Errno) -> Int32 {
    // The kernel does not say which number it has chosen, so this chooses: the old one, or one that is far from all others.
    var index = link.index
    var attemptsLeft: Int32 = 100
    while true {
      var message = NetlinkMessage(
        type: NetworkLink.new, flags: 0, payload: NetworkLink.header(index: link.index))
      message.add(NetworkLink.netNsFD, namespace.rawValue)
      message.add(NetworkLink.ifName, name)
      message.add(NetworkLink.newIfIndex, index)
      do throws(Errno) {
        _ = try call(message)
        return index
      } catch .resourceBusy where attemptsLeft > 0 {
        attemptsLeft -= 1
        index = 1 << 24 + link.index &+ attemptsLeft
      }
    }
  }
}
