extension SystemCallRules {
  /// The rules as a program that the kernel runs at every system call (linux/filter.h, struct `sock_filter`).
  ///
  /// It finds a call's number by a binary search over ranges of numbers with the same answer, and looks at arguments only where
  /// a rule has conditions on them: of the other calls, the kernel (5.11 and newer) remembers which are allowed, and does not
  /// run the program for them.
  public func instructions() -> [UInt64] {
    var assembler = FilterAssembler()
    // In the order of the blocks from the end: the machine's own comes first in the program, nearest to the start.
    var next = assembler.answer(Action.killProcess.answer)
    for token in tokens.reversed() {
      let block = emit(token, &assembler)
      next = assembler.jump(.equal, token, yes: block, no: next)
    }
    _ = assembler.load(Offset.architecture, then: next)
    return assembler.instructions
  }

  /// Offsets in struct `seccomp_data` (linux/seccomp.h).
  private enum Offset {
    static let number: UInt32 = 0
    static let architecture: UInt32 = 4
    /// Of the low half of an argument; the high half is behind it.
    static func argument(_ number: Int) -> UInt32 { 16 + 8 * UInt32(number) }
  }

  /// The architectures as a filter sees them.
  private var tokens: [UInt32] {
    var tokens: [UInt32] = []
    for architecture in architectures where !tokens.contains(architecture.token) {
      tokens.append(architecture.token)
    }
    return tokens
  }

  /// A range of numbers and where the program goes for them.
  private struct Target {
    var start: UInt32
    var place: FilterAssembler.Place
  }

  private func emit(_ token: UInt32, _ assembler: inout FilterAssembler) -> FilterAssembler.Place {
    var targets: [Target] = []
    for architecture in SystemCallArchitecture.allCases where architecture.token == token {
      if architectures.contains(architecture) {
        targets += self.targets(on: architecture, &assembler)
      } else {
        let start = architecture.numbers.lowerBound
        targets.append(Target(start: start, place: assembler.answer(Action.killProcess.answer)))
        // -1 is no call: a tracer skips a call by this number, and the kernel looks at it again.
        if architecture.numbers.upperBound == .max {
          targets.append(Target(start: .max, place: assembler.answer(defaultAction.answer)))
        }
      }
    }
    let tree = search(targets[...], &assembler)
    return assembler.load(Offset.number, then: tree)
  }

  private func targets(
    on architecture: SystemCallArchitecture, _ assembler: inout FilterAssembler
  ) -> [Target] {
    let decisions = SystemCallDecisions(self, on: architecture)
    let places = decisions.decisions.map { decision in
      switch decision {
      case .answer(let answer): assembler.answer(answer)
      case .first(let alternatives): emit(alternatives, on: architecture, &assembler)
      }
    }
    return decisions.ranges.map { Target(start: $0.start, place: places[$0.decision]) }
  }

  /// A binary search for the accumulator in `targets`.
  private func search(
    _ targets: ArraySlice<Target>, _ assembler: inout FilterAssembler
  ) -> FilterAssembler.Place {
    let first = targets.startIndex
    if targets.count == 1 { return targets[first].place }
    // A single number among others that are all alike.
    if targets.count == 3, targets[first].place == targets[first + 2].place,
      targets[first + 1].start + 1 == targets[first + 2].start
    {
      return assembler.jump(
        .equal, targets[first + 1].start, yes: targets[first + 1].place, no: targets[first].place)
    }
    let middle = first + targets.count / 2
    let above = search(targets[middle...], &assembler)
    let below = search(targets[..<middle], &assembler)
    return assembler.jump(.greaterOrEqual, targets[middle].start, yes: above, no: below)
  }

  private func emit(
    _ alternatives: [SystemCallDecisions.Alternative], on architecture: SystemCallArchitecture,
    _ assembler: inout FilterAssembler
  ) -> FilterAssembler.Place {
    var next = assembler.answer(defaultAction.answer)
    for alternative in alternatives.reversed() {
      var yes = assembler.answer(alternative.answer)
      for condition in alternative.conditions.reversed() {
        yes = emit(
          condition, narrow: architecture.hasNarrowArguments, yes: yes, no: next, &assembler)
      }
      next = yes
    }
    return next
  }

  /// Goes on at `yes` when `condition` holds, and at `no` otherwise.
  private func emit(
    _ condition: Condition, narrow: Bool, yes: FilterAssembler.Place, no: FilterAssembler.Place,
    _ assembler: inout FilterAssembler
  ) -> FilterAssembler.Place {
    var opposite = condition
    switch condition.comparison {
    case .notEqual: opposite.comparison = .equal
    case .less: opposite.comparison = .greaterOrEqual
    case .lessOrEqual: opposite.comparison = .greater
    case .equal, .greater, .greaterOrEqual:
      return compare(condition, narrow: narrow, yes: yes, no: no, &assembler)
    }
    return compare(opposite, narrow: narrow, yes: no, no: yes, &assembler)
  }

  private func compare(
    _ condition: Condition, narrow: Bool, yes: FilterAssembler.Place, no: FilterAssembler.Place,
    _ assembler: inout FilterAssembler
  ) -> FilterAssembler.Place {
    let offset = Offset.argument(condition.argument)
    let low = UInt32(truncatingIfNeeded: condition.value)
    let high = UInt32(condition.value >> 32)
    let test: FilterAssembler.Test =
      switch condition.comparison {
      case .greater: .greater
      case .greaterOrEqual: .greaterOrEqual
      case .equal, .notEqual, .less, .lessOrEqual: .equal
      }
    let lowTest = assembler.jump(test, low, yes: yes, no: no)
    let lowMask = UInt32(truncatingIfNeeded: condition.mask)
    let whole = assembler.load(offset, mask: lowMask, then: lowTest)
    if narrow { return whole }
    let highMask = UInt32(condition.mask >> 32)
    // Where no bit of the high half is asked for, the low half decides.
    if highMask == 0, high == 0 { return whole }
    var highTest = assembler.jump(.equal, high, yes: whole, no: no)
    if test != .equal { highTest = assembler.jump(.greater, high, yes: yes, no: highTest) }
    return assembler.load(offset + 4, mask: highMask, then: highTest)
  }
}
