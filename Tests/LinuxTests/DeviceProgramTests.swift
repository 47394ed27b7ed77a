import Testing

@testable import Linux

@Suite("Device programs")
struct DeviceProgramTests {
  struct Request {
    let kind: DeviceRule.Kind
    let major: UInt32
    let minor: UInt32
    let access: DeviceRule.Access
  }

  /// Every request that rules with numbers up to 2 can tell apart.
  static let requests: [Request] = {
    var requests: [Request] = []
    for kind in [DeviceRule.Kind.block, .character] {
      for major in UInt32(0)...3 {
        for minor in UInt32(0)...3 {
          for access in UInt32(1)...7 {
            requests.append(
              Request(
                kind: kind, major: major, minor: minor, access: DeviceRule.Access(rawValue: access)))
          }
        }
      }
    }
    return requests
  }()

  /// What the rules mean: the last about each access decides on it.
  static func allows(_ rules: [DeviceRule], _ request: Request) -> Bool {
    [DeviceRule.Access.makeNode, .read, .write].filter { request.access.contains($0) }.allSatisfy { access in
      let last = rules.last { rule in
        (rule.kind == .all || rule.kind == request.kind) && rule.major ?? request.major == request.major
          && rule.minor ?? request.minor == request.minor && rule.access.contains(access)
      }
      return last?.allow ?? false
    }
  }

  struct Fault: Error { let reason: String }

  /// Runs a program as the kernel would, and as strictly.
  static func run(_ program: [UInt64], _ request: Request) throws -> Bool {
    var registers = [UInt64?](repeating: nil, count: 11)
    let context = [
      request.access.rawValue << 16 | (request.kind == .block ? 1 : 2), request.major, request.minor,
    ]
    registers[1] = UInt64.max  // The context's address, which is good for loads alone.
    var next = 0
    for _ in 0...program.count {
      guard program.indices.contains(next) else { throw Fault(reason: "leaves the program") }
      let word = program[next]
      next += 1
      let destination = Int(word >> 8 & 0xf)
      let source = Int(word >> 12 & 0xf)
      let offset = Int(Int16(truncatingIfNeeded: word >> 16))
      let immediate = UInt32(truncatingIfNeeded: word >> 32)
      func value(_ register: Int) throws -> UInt32 {
        guard let value = registers[register], value != .max else {
          throw Fault(reason: "register \(register) holds no number")
        }
        return UInt32(truncatingIfNeeded: value)
      }
      switch word & 0xff {
      case 0x61:
        guard registers[source] == .max, offset % 4 == 0, context.indices.contains(offset / 4) else {
          throw Fault(reason: "loads from outside the context")
        }
        registers[destination] = UInt64(context[offset / 4])
      case 0x54: registers[destination] = UInt64(try value(destination) & immediate)
      case 0x74: registers[destination] = UInt64(try value(destination) >> immediate)
      case 0xbc: registers[destination] = UInt64(try value(source))
      case 0xb7: registers[destination] = UInt64(immediate)
      case 0x16: if try value(destination) == immediate { next += offset }
      case 0x56: if try value(destination) != immediate { next += offset }
      case 0x95: return try value(0) == 1
      default: throw Fault(reason: "operation \(word & 0xff) is not known")
      }
    }
    throw Fault(reason: "does not end")
  }

  static func check(_ rules: [DeviceRule]) throws {
    guard let program = DeviceProgram(rules).instructions else {
      for request in requests where !allows(rules, request) {
        Issue.record("\(rules): no program, yet \(request) is denied")
      }
      return
    }
    for (index, word) in program.enumerated() where [0x16, 0x56].contains(word & 0xff) {
      let offset = Int(Int16(truncatingIfNeeded: word >> 16))
      #expect(offset >= 0 && index + 1 + offset < program.count, "\(rules): jump at \(index)")
    }
    for request in requests where try run(program, request) != allows(rules, request) {
      Issue.record("\(rules): \(request) is not answered \(allows(rules, request))")
      return
    }
  }

  static let chosen: [[DeviceRule]] = [
    [],
    [DeviceRule(allow: false, kind: .all)],
    [DeviceRule(allow: true, kind: .all)],
    [DeviceRule(allow: true, kind: .all, access: [.read, .write])],
    [DeviceRule(allow: true, kind: .all, access: [])],
    [DeviceRule(allow: true, kind: .all), DeviceRule(allow: false, kind: .block, access: .write)],
    // Reading and writing allowed by two rules, the one wider than the other.
    [
      DeviceRule(allow: true, kind: .character, access: .write),
      DeviceRule(allow: true, kind: .character, major: 1, minor: 2, access: .read),
    ],
    // The same with a denial of the third access between them.
    [
      DeviceRule(allow: true, kind: .character, major: 1, minor: 2, access: .read),
      DeviceRule(allow: false, kind: .character, major: 1, minor: 2, access: .makeNode),
      DeviceRule(allow: true, kind: .character, major: 1, minor: 2, access: .write),
    ],
    // What is allowed in parts is allowed as a whole.
    [
      DeviceRule(allow: true, kind: .all, access: .makeNode),
      DeviceRule(allow: true, kind: .all, access: [.read, .write]),
    ],
    [
      DeviceRule(allow: true, kind: .block, major: 0, minor: 0),
      DeviceRule(allow: true, kind: .block, major: 0, minor: 1),
      DeviceRule(allow: true, kind: .block, major: 0, minor: 2),
    ],
    [DeviceRule(allow: true, kind: .all, minor: 2), DeviceRule(allow: false, kind: .all, major: 2)],
  ]

  @Test("A program answers as its rules say", arguments: chosen.indices)
  func chosenRules(index: Int) throws {
    try Self.check(Self.chosen[index])
  }

  @Test("Programs for any rules answer as the rules say")
  func random() throws {
    var random = SplitMix(state: 0x5eed)
    for _ in 0..<2000 {
      try Self.check((0..<random.below(9)).map { _ in random.rule() })
    }
  }

  @Test("Rules for the same devices make one test of the program")
  func merged() {
    func length(_ rules: [DeviceRule]) -> Int { DeviceProgram(rules).instructions?.count ?? 0 }
    let whole = DeviceRule(allow: true, kind: .character, major: 1, minor: 3)
    var part = whole
    part.access = .read
    #expect(length([whole, part, whole]) == length([whole]))
    #expect(length([DeviceRule(allow: false, kind: .all)]) == length([]))
    // What a later rule about everything overrules is not there.
    #expect(length([whole, part, DeviceRule(allow: false, kind: .all)]) == length([]))
  }
}

/// Numbers that are the same in every run (SplitMix64).
private struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  mutating func below(_ bound: UInt64) -> Int { Int(next() % bound) }

  mutating func rule() -> DeviceRule {
    let kinds = [DeviceRule.Kind.all, .block, .character]
    let number = { (choice: Int) -> UInt32? in choice < 3 ? UInt32(choice) : nil }
    let access: DeviceRule.Access =
      below(3) == 0 ? .everything : DeviceRule.Access(rawValue: UInt32(below(8)))
    return DeviceRule(
      allow: below(2) == 0, kind: kinds[below(3)], major: number(below(5)), minor: number(below(5)),
      access: access)
  }
}
