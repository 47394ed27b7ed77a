import Testing

@testable import OCI

/// The same numbers at every run (xorshift64).
struct FixedRandom: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

@Suite("Damaged JSON texts")
struct JSONFuzzTests {
  @Test("A real config cut short at any byte is an error")
  func truncated() {
    let bytes = RuntimeConfig.default.json.bytes(.tabs)
    for count in bytes.indices {
      #expect(failure(Array(bytes.prefix(count))) != nil, "\(count) bytes were accepted")
    }
  }

  @Test("A mutated text is read or refused, and what is read is written and read as the same")
  func mutated() throws {
    let seeds = [
      RuntimeConfig.default.json.bytes(.compact),
      Array(#"{"a":[1,-2.5e3,18446744073709551615,true,null,"\u00e9\ud83d\ude00\n"],"é":{"b":{}}}"#.utf8),
      Array("[[[[\"x\"]]],{\"k\":\"v\",\"l\":-0.0}]".utf8),
    ]
    let spice = Array("{}[]\",:\\u0019eE+-.dD8tfn \n\u{1}é".utf8) + [0x80, 0xC3, 0xED, 0xFF]
    var random = FixedRandom(state: 0x5EED)
    var accepted = 0
    for round in 0..<40_000 {
      var bytes = seeds[round % seeds.count]
      for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
        let index = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[index] = spice[Int.random(in: spice.indices, using: &random)]
        case 1: bytes.insert(spice[Int.random(in: spice.indices, using: &random)], at: index)
        case 2: bytes.remove(at: index)
        case 3: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        default:
          let end = min(bytes.count, index + Int.random(in: 1..<20, using: &random))
          bytes.insert(contentsOf: bytes[index..<end], at: Int.random(in: bytes.indices, using: &random))
        }
      }
      guard let json = try? JSON(parsing: bytes) else { continue }
      accepted += 1
      #expect(try JSON(parsing: json.bytes(round.isMultiple(of: 2) ? .compact : .tabs)) == json)
      guard let config = try? RuntimeConfig(json: json) else { continue }
      #expect(try RuntimeConfig(json: config.json) == config)
      try? config.validate()
    }
    #expect(accepted > 1000)
  }
}
