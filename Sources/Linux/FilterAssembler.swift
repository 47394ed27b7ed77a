/// A classic BPF program (linux/filter.h), written from its end to its start: its jumps go forward only, so every target is
/// there before the jump.
struct FilterAssembler {
  /// An instruction, counted from the program's end.
  typealias Place = Int

  /// The instructions in the kernel's encoding (struct `sock_filter`), the last one first.
  private(set) var reversed: [UInt64] = []
  private var answers: [(value: UInt32, place: Place)] = []

  /// Tests of the accumulator, with their code for a comparison with a constant.
  enum Test: UInt64 {
    case equal = 0x15
    case greater = 0x25
    case greaterOrEqual = 0x35
  }

  private static let load: UInt64 = 0x20
  private static let and: UInt64 = 0x54
  private static let jumpAlways: UInt64 = 0x05
  private static let answer: UInt64 = 0x06
  /// A conditional jump passes over no more instructions than this.
  private static let longestJump = 255

  /// The program.
  var instructions: [UInt64] { reversed.reversed() }

  /// Ends the program with the kernel's answer `value` (`SECCOMP_RET_*`).
  mutating func answer(_ value: UInt32) -> Place {
    if let known = answers.first(where: { $0.value == value }) { return known.place }
    let place = emit(Self.answer, value)
    answers.append((value, place))
    return place
  }

  /// Goes on at `yes` when the accumulator passes `test` against `operand`, and at `no` otherwise.
  mutating func jump(_ test: Test, _ operand: UInt32, yes: Place, no: Place) -> Place {
    if yes == no { return yes }
    // One instruction may come between for the other.
    let yes = near(yes, spare: 1)
    let no = near(no, spare: 0)
    return emit(test.rawValue | UInt64(distance(yes)) << 16 | UInt64(distance(no)) << 24, operand)
  }

  /// Loads the word at `offset` of struct `seccomp_data`, keeps the bits of `mask` alone, and goes on at `next`.
  mutating func load(_ offset: UInt32, mask: UInt32 = .max, then next: Place) -> Place {
    if isAnswer(next) { return next }
    if distance(next) != 0 { _ = emit(Self.jumpAlways, UInt32(distance(next))) }
    if mask != .max { _ = emit(Self.and, mask) }
    return emit(Self.load, offset)
  }

  private func isAnswer(_ place: Place) -> Bool { reversed[place] & 0xffff == Self.answer }

  /// How many instructions a jump from the next one to be written to `place` passes over.
  private func distance(_ place: Place) -> Int { reversed.count - place - 1 }

  /// `place`, or one within a conditional jump's reach that leads there: an answer is repeated there.
  private mutating func near(_ place: Place, spare: Int) -> Place {
    if distance(place) + spare <= Self.longestJump { return place }
    guard isAnswer(place) else { return emit(Self.jumpAlways, UInt32(distance(place))) }
    let instruction = reversed[place]
    let copy = reversed.count
    reversed.append(instruction)
    if let index = answers.firstIndex(where: { $0.place == place }) { answers[index].place = copy }
    return copy
  }

  private mutating func emit(_ code: UInt64, _ operand: UInt32) -> Place {
    reversed.append(code | UInt64(operand) << 32)
    return reversed.count - 1
  }
}
