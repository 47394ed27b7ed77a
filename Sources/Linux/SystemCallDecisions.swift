/// What rules come to for each system call of one architecture.
struct SystemCallDecisions {
  /// An action that is taken when all conditions hold.
  struct Alternative: Equatable {
    var conditions: [SystemCallRules.Condition]
    var answer: UInt32
  }

  /// What is done with a call.
  enum Decision: Equatable {
    /// The kernel's answer, whatever the arguments are.
    case answer(UInt32)
    /// The answer of the first alternative whose conditions hold, or the default.
    case first([Alternative])
  }

  /// The numbers from `start` on, up to the next range, and the index of the decision about them.
  struct Range {
    var start: UInt32
    var decision: Int
  }

  /// All decisions there are. The first one is the default.
  private(set) var decisions: [Decision]
  /// All numbers that the architecture can have, in order.
  private(set) var ranges: [Range] = []
  private let architecture: SystemCallArchitecture
  /// Indices of decisions, of the numbers from the architecture's first one on.
  private var dense: [UInt16] = []
  /// Those of numbers far above.
  private var sparse: [(number: UInt32, decision: UInt16)] = []
  /// The highest number that a rule is about.
  private var newest: UInt32?

  /// The decisions that `rules` come to for calls of `architecture`.
  init(_ rules: SystemCallRules, on architecture: SystemCallArchitecture) {
    self.architecture = architecture
    let standard = rules.defaultAction.answer
    decisions = [.answer(standard)]
    for rule in rules.rules {
      let number = rule.call.number(on: architecture)
      if let number, architecture != .arm || number < SystemCallArchitecture.firstPrivateOfARM {
        newest = max(newest ?? 0, number)
      }
      let answer = rule.action.answer
      if answer == standard { continue }
      if let number { add(answer, rule.conditions, to: number) }
      guard architecture == .i386, let multiplexed = MultiplexedCall(rule.call.text) else { continue }
      // What the other conditions are about is not in the registers: it is in memory, out of a filter's reach.
      let inner = SystemCallRules.Condition(argument: 0, .equal, multiplexed.subcall)
      if let number = multiplexed.call.number(on: .i386) { add(answer, [inner], to: number) }
    }
    cut(rules)
  }

  private mutating func add(
    _ answer: UInt32, _ conditions: [SystemCallRules.Condition], to number: UInt32
  ) {
    let place = Int(number - architecture.numbers.lowerBound)
    var old: UInt16 = 0
    if place < 4096 {
      while dense.count <= place { dense.append(0) }
      old = dense[place]
    } else if let known = sparse.first(where: { $0.number == number }) {
      old = known.decision
    }
    let decision: Decision
    switch decisions[Int(old)] {
    // One without conditions that came earlier.
    case .answer where old != 0: return
    case .answer where conditions.isEmpty, .first where conditions.isEmpty: decision = .answer(answer)
    case .answer: decision = .first([Alternative(conditions: conditions, answer: answer)])
    case .first(let earlier):
      decision = .first(earlier + [Alternative(conditions: conditions, answer: answer)])
    }
    let new = UInt16(index(of: decision))
    if place < 4096 {
      dense[place] = new
    } else if let known = sparse.firstIndex(where: { $0.number == number }) {
      sparse[known].decision = new
    } else {
      sparse.append((number, new))
    }
  }

  private mutating func index(of decision: Decision) -> Int {
    // Not the default: a rule counts, whatever it answers.
    if let known = decisions.dropFirst().firstIndex(of: decision) { return known }
    decisions.append(decision)
    return decisions.count - 1
  }

  private mutating func cut(_ rules: SystemCallRules) {
    let first = architecture.numbers.lowerBound
    for (place, decision) in dense.enumerated() { start(first + UInt32(place), Int(decision)) }
    start(first + UInt32(dense.count), 0)
    if let newest, rules.hidesNewerCalls {
      start(
        newest + 1, index(of: .answer(SystemCallRules.Action.errno(UInt32(Errno.noFunction.rawValue)).answer))
      )
    }
    if architecture == .arm { start(SystemCallArchitecture.firstPrivateOfARM, 0) }
    for (number, decision) in sparse.sorted(by: { $0.number < $1.number }) {
      start(number, Int(decision))
      start(number + 1, 0)
    }
  }

  /// Begins a range at `number`, in place of one that begins there.
  private mutating func start(_ number: UInt32, _ decision: Int) {
    if let last = ranges.last, last.start == number { ranges.removeLast() }
    if ranges.last?.decision == decision { return }
    ranges.append(Range(start: number, decision: decision))
  }
}

/// A system call that i386 also makes through another one, which says in its first argument which call is meant
/// (linux/net.h, linux/ipc.h).
private struct MultiplexedCall {
  let call: SystemCallName
  let subcall: UInt64

  init?(_ name: String) {
    let subcall: UInt64
    let socket: Bool
    switch name {
    case "socket": (subcall, socket) = (1, true)
    case "bind": (subcall, socket) = (2, true)
    case "connect": (subcall, socket) = (3, true)
    case "listen": (subcall, socket) = (4, true)
    case "accept": (subcall, socket) = (5, true)
    case "getsockname": (subcall, socket) = (6, true)
    case "getpeername": (subcall, socket) = (7, true)
    case "socketpair": (subcall, socket) = (8, true)
    case "send": (subcall, socket) = (9, true)
    case "recv": (subcall, socket) = (10, true)
    case "sendto": (subcall, socket) = (11, true)
    case "recvfrom": (subcall, socket) = (12, true)
    case "shutdown": (subcall, socket) = (13, true)
    case "setsockopt": (subcall, socket) = (14, true)
    case "getsockopt": (subcall, socket) = (15, true)
    case "sendmsg": (subcall, socket) = (16, true)
    case "recvmsg": (subcall, socket) = (17, true)
    case "accept4": (subcall, socket) = (18, true)
    case "recvmmsg": (subcall, socket) = (19, true)
    case "sendmmsg": (subcall, socket) = (20, true)
    case "semop": (subcall, socket) = (1, false)
    case "semget": (subcall, socket) = (2, false)
    case "semctl": (subcall, socket) = (3, false)
    case "semtimedop": (subcall, socket) = (4, false)
    case "msgsnd": (subcall, socket) = (11, false)
    case "msgrcv": (subcall, socket) = (12, false)
    case "msgget": (subcall, socket) = (13, false)
    case "msgctl": (subcall, socket) = (14, false)
    case "shmat": (subcall, socket) = (21, false)
    case "shmdt": (subcall, socket) = (22, false)
    case "shmget": (subcall, socket) = (23, false)
    case "shmctl": (subcall, socket) = (24, false)
    default: return nil
    }
    guard let call = SystemCallName(socket ? "socketcall" : "ipc") else { return nil }
    self.call = call
    self.subcall = subcall
  }
}
