import Linux

/// One block of 512 bytes that says what follows it, as it is: the older form without a name, POSIX's `ustar` and GNU's.
struct TarHeader: Equatable {
  /// The size of the units that an archive is made of, in bytes.
  static let size = 512

  var name: [UInt8]
  var type: UInt8
  var linkName: [UInt8]
  var permissions: UInt32
  var user: Int64
  var group: Int64
  var contentSize: Int64
  /// Seconds since 1970.
  var modified: Int64
  var device: DeviceNumber

  /// Why a block is no header.
  struct Fault: Error, Equatable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  /// Reads a block.
  init(parsing block: ArraySlice<UInt8>) throws(Fault) {
    let start = block.startIndex
    func field(_ offset: Int, _ size: Int) -> ArraySlice<UInt8> {
      block[(start + offset)..<(start + offset + size)]
    }
    func text(_ offset: Int, _ size: Int) -> [UInt8] { Array(field(offset, size).prefix { $0 != 0 }) }
    func number(_ what: String, _ offset: Int, _ size: Int) throws(Fault) -> Int64 {
      guard let number = TarNumber.parse(field(offset, size)) else {
        throw Fault("the header's \(what) is no number")
      }
      return number
    }
    guard let sum = TarNumber.parse(field(148, 8)), Self.sums(block).contains(sum) else {
      throw Fault("the header's checksum is wrong")
    }
    name = text(0, 100)
    permissions = UInt32(try number("mode", 100, 8) & 0o7777)
    user = try number("user", 108, 8)
    group = try number("group", 116, 8)
    contentSize = try number("size", 124, 12)
    modified = try number("time", 136, 12)
    type = block[start + 156]
    linkName = text(157, 100)
    device = DeviceNumber(major: 0, minor: 0)
    let magic = field(257, 8)
    let isPosix = magic.elementsEqual("ustar\u{0}00".utf8)
    guard isPosix || magic.elementsEqual("ustar  \u{0}".utf8) else { return }
    if type == UInt8(ascii: "3") || type == UInt8(ascii: "4") {
      guard let major = UInt32(exactly: try number("device", 329, 8)),
        let minor = UInt32(exactly: try number("device", 337, 8))
      else { throw Fault("the header's device is no number of one") }
      device = DeviceNumber(major: major, minor: minor)
    }
    // GNU's form has times where POSIX's has the first part of a long name.
    let prefix = isPosix ? text(345, 155) : []
    if !prefix.isEmpty { name = prefix + [UInt8(ascii: "/")] + name }
  }

  /// What the checksum may be: some have added signed bytes. Its own field counts as spaces.
  private static func sums(_ block: ArraySlice<UInt8>) -> [Int64] {
    var unsigned: Int64 = 8 * 0x20
    var signed = unsigned
    for (offset, byte) in block.enumerated() where !(148..<156).contains(offset) {
      unsigned += Int64(byte)
      signed += Int64(Int8(bitPattern: byte))
    }
    return [unsigned, signed]
  }

  // MARK: Writing

  /// The header of something that is no file, such as an extended header.
  init(name: String, type: UInt8, contentSize: Int) {
    self.name = Array(name.utf8)
    self.type = type
    self.contentSize = Int64(contentSize)
    linkName = []
    permissions = 0o644
    user = 0
    group = 0
    modified = 0
    device = DeviceNumber(major: 0, minor: 0)
  }

  /// The header of `entry`, and the records that say what has no room in it.
  static func header(of entry: TarEntry) -> (header: TarHeader, records: TarRecords) {
    var header = TarHeader(name: "", type: UInt8(ascii: "0"), contentSize: 0)
    var records = TarRecords()
    header.name = entry.name
    header.permissions = entry.permissions & 0o7777
    switch entry.kind {
    case .file(let size): header.contentSize = Int64(size)
    case .hardLink(let target):
      header.type = UInt8(ascii: "1")
      header.linkName = target
    case .symbolicLink(let target):
      header.type = UInt8(ascii: "2")
      header.linkName = target
    case .characterDevice(let device):
      header.type = UInt8(ascii: "3")
      header.device = device
    case .blockDevice(let device):
      header.type = UInt8(ascii: "4")
      header.device = device
    case .directory: header.type = UInt8(ascii: "5")
    case .fifo: header.type = UInt8(ascii: "6")
    }
    if header.name.count > 100, parts(of: header.name) == nil { records.path = header.name }
    if header.linkName.count > 100 { records.linkPath = header.linkName }
    if header.contentSize > 0o777_7777_7777 { records.size = header.contentSize }
    header.user = Int64(entry.user)
    if header.user > 0o777_7777 { records.user = header.user }
    header.group = Int64(entry.group)
    if header.group > 0o777_7777 { records.group = header.group }
    let (seconds, rest) = entry.modified.quotientAndRemainder(dividingBy: 1_000_000_000)
    header.modified = seconds
    if rest != 0 || seconds < 0 || seconds > 0o777_7777_7777 { records.modified = entry.modified }
    records.attributes = entry.attributes
    return (header, records)
  }

  /// A long name as the two parts that a header has room for; `nil` when it cannot be parted so.
  private static func parts(of name: [UInt8]) -> (prefix: ArraySlice<UInt8>, name: ArraySlice<UInt8>)? {
    let slash = UInt8(ascii: "/")
    guard name.count <= 256,
      let cut = name[..<min(name.count - 1, 156)].lastIndex(of: slash), cut > 0, name.count - cut - 1 <= 100
    else { return nil }
    return (name[..<cut], name[(cut + 1)...])
  }

  /// The block. What has no room in it is cut, or 0: records say it.
  var bytes: [UInt8] {
    var block = [UInt8](repeating: 0, count: Self.size)
    func put(_ field: some Collection<UInt8>, at offset: Int) {
      block.replaceSubrange(offset..<(offset + field.count), with: field)
    }
    func put(_ number: Int64, _ size: Int, at offset: Int) {
      let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: size - 1) + [0]
      put(TarNumber.format(number, size: size) ?? zeros, at: offset)
    }
    if name.count > 100, let parts = Self.parts(of: name) {
      put(parts.name, at: 0)
      put(parts.prefix, at: 345)
    } else {
      put(name.prefix(100), at: 0)
    }
    put(Int64(permissions), 8, at: 100)
    put(user, 8, at: 108)
    put(group, 8, at: 116)
    put(contentSize, 12, at: 124)
    put(modified, 12, at: 136)
    block[156] = type
    put(linkName.prefix(100), at: 157)
    put(Array("ustar\u{0}00".utf8), at: 257)
    put(Int64(device.major), 8, at: 329)
    put(Int64(device.minor), 8, at: 337)
    put(TarNumber.format(Self.sums(block[...])[0], size: 7) ?? [], at: 148)
    block[155] = UInt8(ascii: " ")
    return block
  }
}

extension TarEntry {
  /// What stands before its content in an archive: its header, with an extended one before that where it has to be. The
  /// content is followed by zeros to a multiple of 512 bytes.
  public var header: [UInt8] {
    let (header, records) = TarHeader.header(of: self)
    if records.isEmpty { return header.bytes }
    let extended = records.bytes
    let first = TarHeader(
      name: "PaxHeader", type: UInt8(ascii: "x"), contentSize: extended.count)
    return first.bytes + extended + [UInt8](repeating: 0, count: Self.padding(extended.count)) + header.bytes
  }

  /// How many zeros follow `size` bytes of content.
  public static func padding(_ size: Int) -> Int { (TarHeader.size - size % TarHeader.size) % TarHeader.size }

  /// What stands at an archive's end.
  public static let end = [UInt8](repeating: 0, count: 2 * TarHeader.size)
}
