import Testing

@testable import Linux

@Suite("System call filters")
struct SystemCallRulesTests {
  typealias Rules = SystemCallRules

  static func call(_ name: String) throws -> SystemCallName { try #require(SystemCallName(name)) }

  static func answer(
    _ rules: Rules, _ name: String, on architecture: SystemCallArchitecture = .x86_64,
    _ arguments: [UInt64] = []
  ) throws -> UInt32 {
    let number = try #require(try call(name).number(on: architecture))
    return try answer(rules, number, on: architecture, arguments)
  }

  static func answer(
    _ rules: Rules, _ number: UInt32, on architecture: SystemCallArchitecture, _ arguments: [UInt64] = []
  ) throws -> UInt32 {
    let all = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
    let call = FilteredCall(number: number, architecture: architecture.token, arguments: all)
    return try FilterInterpreter.run(rules.instructions(), call).answer
  }

  @Test("Every name of the table is found, and none that is not there")
  func names() {
    for row in 0..<SystemCallName.count {
      let name = SystemCallName(row: row)
      #expect(SystemCallName(name.text) == name)
      #expect(SystemCallName(name.text + "x").map { $0.row } != row)
    }
    for name in ["", "a", "zzz", "getppi", "read\0", "_", "é"] {
      #expect(SystemCallName(name) == nil, "\(name)")
    }
  }

  @Test("Numbers are the kernel's")
  func numbers() throws {
    func numbers(_ name: String) throws -> [UInt32?] {
      let call = try Self.call(name)
      return SystemCallArchitecture.allCases.map { call.number(on: $0) }
    }
    #expect(try numbers("read") == [0, 0x4000_0000, 3, 63, 3])
    #expect(try numbers("open") == [2, 0x4000_0002, 5, nil, 5])
    #expect(try numbers("execve") == [59, 0x4000_0208, 11, 221, 11])
    #expect(try numbers("socketcall") == [nil, nil, 102, nil, nil])
    #expect(try numbers("clone3") == [435, 0x4000_01b3, 435, 435, 435])
    #expect(try numbers("cacheflush") == [nil, nil, nil, nil, 0xf_0002])
    #expect(try numbers("mseal") == [462, 0x4000_01ce, 462, 462, 462])
  }

  @Test("A call that may be made on this machine in an architecture that is not named kills the process")
  func architectures() throws {
    let rules = Rules(defaultAction: .allow, rules: [], architectures: [.x86_64])
    for (architecture, number) in [
      (.i386, 20), (.aarch64, 20), (.x86_64, 0x4000_0014), (.x86_64, 0xffff_fffe),
    ]
      as [(SystemCallArchitecture, UInt32)]
    {
      try #expect(Self.answer(rules, number, on: architecture) == 0x8000_0000)
    }
    // A tracer skips a call by this number.
    try #expect(Self.answer(rules, .max, on: .x86_64) == 0x7fff_0000)
    try #expect(Self.answer(rules, 39, on: .x86_64) == 0x7fff_0000)
  }

  @Test("The calls for keyrings are refused in each architecture, and nothing else")
  func keyrings() throws {
    let architectures = SystemCallArchitecture.allCases
    let rules = Rules(
      defaultAction: .allow,
      rules: try ["add_key", "request_key", "keyctl"].map { .init(try Self.call($0), .errno(1)) },
      architectures: architectures)
    let program = rules.instructions()
    let expected: [(UInt32, [UInt32])] = [
      (0xc000_003e, [248, 249, 250, 0x4000_00f8, 0x4000_00f9, 0x4000_00fa]), (0x4000_0003, [286, 287, 288]),
      (0xc000_00b7, [217, 218, 219]), (0x4000_0028, [309, 310, 311]),
    ]
    let numbers = [0..<1024, 0x4000_0000..<0x4000_0400, 0x8000_0000..<0x8000_0400, 0xffff_fc00..<UInt32.max]
    for (token, refused) in expected {
      for number in numbers.joined() {
        let run = try FilterInterpreter.run(program, FilteredCall(number: number, architecture: token))
        #expect(run.answer == (refused.contains(number) ? 0x0005_0001 : 0x7fff_0000))
        // Else the kernel would run the program at every call.
        #expect(!run.looksAtArguments)
      }
    }
    for token in [0, 0xc000_00f3, 0xffff_ffff] as [UInt32] {
      let run = try FilterInterpreter.run(program, FilteredCall(number: 0, architecture: token))
      #expect(run.answer == 0x8000_0000)
    }
  }

  @Test("A call with a number above those of all rules is answered ENOSYS")
  func newer() throws {
    var rules = Rules(
      defaultAction: .errno(1),
      rules: [.init(try Self.call("clone3"), .errno(1)), .init(try Self.call("cacheflush"), .allow)],
      architectures: SystemCallArchitecture.allCases, hidesNewerCalls: true)
    let enosys: UInt32 = 0x0005_0026
    for architecture in SystemCallArchitecture.allCases {
      let first = architecture.numbers.lowerBound
      try #expect(Self.answer(rules, first + 434, on: architecture) == 0x0005_0001)
      // Also when the rule repeats the default.
      try #expect(Self.answer(rules, first + 435, on: architecture) == 0x0005_0001)
      try #expect(Self.answer(rules, first + 436, on: architecture) == enosys)
      try #expect(Self.answer(rules, first + 0xefff, on: architecture) == enosys)
    }
    try #expect(Self.answer(rules, 0x3fff_ffff, on: .x86_64) == enosys)
    try #expect(Self.answer(rules, .max, on: .x32) == enosys)
    // Calls of the ARM port are no newer ones.
    try #expect(Self.answer(rules, 0xf_0002, on: .arm) == 0x7fff_0000)
    try #expect(Self.answer(rules, 0xf_0005, on: .arm) == 0x0005_0001)
    rules.hidesNewerCalls = false
    try #expect(Self.answer(rules, 436, on: .x86_64) == 0x0005_0001)
  }

  @Test("Each action has the kernel's answer")
  func actions() throws {
    let answers: [(Rules.Action, UInt32)] = [
      (.killThread, 0), (.killProcess, 0x8000_0000), (.trap, 0x3_0000), (.errno(38), 0x5_0026),
      (.errno(0x1_0005), 0x5_0005), (.trace(7), 0x7ff0_0007), (.notify, 0x7fc0_0000), (.log, 0x7ffc_0000),
    ]
    for (action, answer) in answers {
      let rules = Rules(defaultAction: .allow, rules: [.init(try Self.call("getppid"), action)])
      try #expect(Self.answer(rules, "getppid") == answer)
      try #expect(Self.answer(rules, "getpid") == 0x7fff_0000)
      try #expect(Self.answer(Rules(defaultAction: action, rules: []), "getpid") == answer)
    }
  }

  @Test("A rule without conditions counts before those with conditions, and the earlier before the later")
  func precedence() throws {
    func rules(_ list: [(Rules.Action, UInt64?)]) throws -> Rules {
      let call = try Self.call("personality")
      return Rules(
        defaultAction: .errno(1),
        rules: list.map { action, value in
          .init(call, action, when: value.map { [.init(argument: 0, .equal, $0)] } ?? [])
        })
    }
    let conditional = try rules([(.errno(2), 5), (.errno(3), 5), (.errno(4), 6)])
    try #expect(Self.answer(conditional, "personality", [5]) == 0x5_0002)
    try #expect(Self.answer(conditional, "personality", [6]) == 0x5_0004)
    try #expect(Self.answer(conditional, "personality", [7]) == 0x5_0001)
    for list in [[(.errno(2), 5), (.allow, nil), (.errno(3), nil)], [(.allow, nil), (.errno(2), 5)]]
      as [[(Rules.Action, UInt64?)]]
    {
      try #expect(Self.answer(rules(list), "personality", [5]) == 0x7fff_0000)
    }
    // As if it were not there.
    let repeated = try rules([(.errno(1), nil), (.allow, 5)])
    try #expect(Self.answer(repeated, "personality", [5]) == 0x7fff_0000)
  }

  @Test("A call that i386 makes through socketcall or ipc has the same answer there")
  func multiplexed() throws {
    let rules = Rules(
      defaultAction: .allow,
      rules: [
        .init(try Self.call("socket"), .errno(97), when: [.init(argument: 0, .equal, 40)]),
        .init(try Self.call("shmat"), .errno(13)),
      ], architectures: SystemCallArchitecture.allCases)
    try #expect(Self.answer(rules, "socket", on: .i386, [40]) == 0x5_0061)
    try #expect(Self.answer(rules, "socket", on: .i386, [1]) == 0x7fff_0000)
    try #expect(Self.answer(rules, "socketcall", on: .i386, [1, 40]) == 0x5_0061)
    try #expect(Self.answer(rules, "socketcall", on: .i386, [2, 40]) == 0x7fff_0000)
    try #expect(Self.answer(rules, "ipc", on: .i386, [21]) == 0x5_000d)
    try #expect(Self.answer(rules, "shmat", on: .i386) == 0x5_000d)
  }

  /// Numbers in an order that a seed decides (SplitMix64).
  struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var number = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
      number = (number ^ number >> 27) &* 0x94d0_49bb_1331_11eb
      return number ^ number >> 31
    }
  }

  static let values: [UInt64] = [
    0, 1, 2, 0xff, 0x7e02_0000, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, 0xffff_ffff_0000_0000,
    .max,
  ]

  static func randomRules(_ random: inout Seeded, count: Int) -> Rules {
    let actions: [Rules.Action] = [.allow, .errno(1), .errno(2), .log, .killProcess, .trap]
    let comparisons: [Rules.Comparison] = [.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual]
    let multiplexed = ["s", "b", "c", "l", "a", "g", "r", "m"]
    let rules = (0..<count).compactMap { _ -> Rules.Rule? in
      let call = SystemCallName(row: Int.random(in: 0..<SystemCallName.count, using: &random))
      // These have a test of their own.
      if call.number(on: .i386) ?? 0 > 320, multiplexed.contains(where: { call.text.hasPrefix($0) }) {
        return nil
      }
      if ["accept", "semop", "semtimedop", "send", "recv"].contains(call.text) { return nil }
      let conditions = (0..<Int.random(in: 0...3, using: &random)).map { _ in
        Rules.Condition(
          argument: Int.random(in: 0...5, using: &random),
          mask: Bool.random(using: &random) ? .max : values.randomElement(using: &random) ?? 0,
          comparisons.randomElement(using: &random) ?? .equal, values.randomElement(using: &random) ?? 0)
      }
      return Rules.Rule(call, actions.randomElement(using: &random) ?? .allow, when: conditions)
    }
    return Rules(
      defaultAction: actions.randomElement(using: &random) ?? .allow, rules: rules,
      architectures: SystemCallArchitecture.allCases.filter { _ in Bool.random(using: &random) },
      hidesNewerCalls: Bool.random(using: &random))
  }

  /// What the rules say, one after the other.
  static func reference(_ rules: Rules, _ call: FilteredCall) -> UInt32 {
    let architecture = SystemCallArchitecture.allCases.first {
      $0.token == call.architecture && $0.numbers.contains(call.number)
    }
    guard rules.architectures.contains(where: { $0.token == call.architecture }), let architecture else {
      return 0x8000_0000
    }
    let standard = rules.defaultAction.answer
    guard rules.architectures.contains(architecture) else {
      return call.number == .max ? standard : 0x8000_0000
    }
    let about = rules.rules.filter {
      $0.call.number(on: architecture) == call.number && $0.action.answer != standard
    }
    if let rule = about.first(where: { $0.conditions.isEmpty }) { return rule.action.answer }
    let width: UInt64 = architecture.hasNarrowArguments ? 0xffff_ffff : .max
    for rule in about where rule.conditions.allSatisfy({ holds($0, call, width) }) {
      return rule.action.answer
    }
    let known = rules.rules.compactMap { $0.call.number(on: architecture) }
      .filter { architecture != .arm || $0 < 0xf_0000 }
    if rules.hidesNewerCalls, let newest = known.max(), call.number > newest,
      architecture != .arm || call.number < 0xf_0000
    {
      return 0x5_0026
    }
    return standard
  }

  static func holds(_ condition: Rules.Condition, _ call: FilteredCall, _ width: UInt64) -> Bool {
    let argument = call.arguments[condition.argument] & condition.mask & width
    let value = condition.value & width
    return switch condition.comparison {
    case .equal: argument == value
    case .notEqual: argument != value
    case .less: argument < value
    case .lessOrEqual: argument <= value
    case .greater: argument > value
    case .greaterOrEqual: argument >= value
    }
  }

  @Test("Random rules are followed to the letter", arguments: 0..<40 as Range<UInt64>)
  func random(seed: UInt64) throws {
    var random = Seeded(state: seed)
    // From a handful to programs much longer than a conditional jump.
    let rules = Self.randomRules(&random, count: [0, 1, 3, 20, 100, 600][Int(seed % 6)])
    let program = rules.instructions()
    for round in 0..<400 {
      let architecture = SystemCallArchitecture.allCases.randomElement(using: &random) ?? .x86_64
      var number: UInt32
      switch round % 4 {
      case 0: number = Self.numbers.randomElement(using: &random) ?? 0
      case 1: number = architecture.numbers.lowerBound + UInt32.random(in: 0...500, using: &random)
      default:
        number = rules.rules.randomElement(using: &random)?.call.number(on: architecture) ?? 0
        number = number &+ UInt32.random(in: 0...2, using: &random) &- 1
      }
      let call = FilteredCall(
        number: number, architecture: architecture.token,
        arguments: (0..<6).map { _ in Self.values.randomElement(using: &random) ?? 0 })
      let answer = try FilterInterpreter.run(program, call).answer
      #expect(answer == Self.reference(rules, call), "\(call)")
    }
  }

  static let numbers: [UInt32] = [
    0, 0x3fff_ffff, 0x4000_0000, 0x7fff_ffff, 0x8000_0000, 0xf_0002, .max - 1, .max,
  ]

  @Test("A call is found in a number of steps that grows with the logarithm of the rules")
  func steps() throws {
    let names = (0..<SystemCallName.count).map { SystemCallName(row: $0) }
    // Every second call: as many ranges as there can be.
    let rules = Rules(
      defaultAction: .errno(1),
      rules: names.enumerated().filter { $0.offset % 2 == 0 }.map { .init($0.element, .allow) },
      architectures: [.x86_64, .x32, .i386])
    let program = rules.instructions()
    for number in 0..<500 as Range<UInt32> {
      let run = try FilterInterpreter.run(program, FilteredCall(number: number, architecture: 0xc000_003e))
      #expect(run.steps <= 16)
    }
  }
}
