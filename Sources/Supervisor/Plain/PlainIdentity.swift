import Container

/// What tells a container that was made without the supervisor from every other one.
struct PlainIdentity: Equatable {
  var name: String
  /// Which boot of the machine it is in, which it does not outlive.
  var boot: String
  /// When it was created, in nanoseconds since 1970.
  var created: Int64
  /// Its first process; 0 without one.
  var pid: Int32
  /// When that started, in clock ticks since boot.
  var startTime: UInt64

  init(name: String, boot: String, created: Int64, pid: Int32, startTime: UInt64) {
    self.name = name
    self.boot = boot
    self.created = created
    self.pid = pid
    self.startTime = startTime
  }

  /// That of the container of which `record` is kept.
  init(_ record: Record, boot: String) {
    self.init(
      name: record.id.description, boot: boot, created: record.created, pid: record.process?.pid ?? 0,
      startTime: record.process?.startTime ?? 0)
  }

  /// 64 hexadecimal digits, the same whenever they are asked for.
  var id: String {
    var words: [UInt64] = [
      UInt64(bitPattern: created), UInt64(UInt32(bitPattern: pid)), startTime, UInt64(name.utf8.count),
      UInt64(boot.utf8.count),
    ]
    Self.add(name, to: &words)
    Self.add(boot, to: &words)
    // Each lane goes its own way from where it begins.
    let lanes = Self.seeds.map { seed in
      words.reduce(seed) { Self.mixed(($0 ^ $1) &+ seed) }
    }
    return lanes.map { lane in
      let digits = String(lane, radix: 16)
      return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }.joined()
  }

  /// Odd numbers without a pattern: the fractions of the square roots of 2, 3, 5 and 7.
  private static let seeds: [UInt64] = [
    0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
  ]

  /// The bytes of `text`, eight in a word.
  private static func add(_ text: String, to words: inout [UInt64]) {
    var word: UInt64 = 0
    var count = 0
    for byte in text.utf8 {
      word = word << 8 | UInt64(byte)
      count += 1
      if count % 8 == 0 { words.append(word) }
    }
    if count % 8 != 0 { words.append(word & (1 << (UInt64(count % 8) * 8) - 1)) }
  }

  /// A number of which every bit depends on every bit of `value`, and that no other value gives (the finalizer of
  /// SplitMix64).
  private static func mixed(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
