/// One option of a command, as its help and the shell's completion show it.
struct Option: Sendable {
  /// The name after two dashes.
  let name: String
  /// The letter after one dash.
  let letter: Character?
  /// What stands for the value in the help; `nil` for an option that is given or not.
  let value: String?
  /// What it does, in a line.
  let help: String
  /// The values that there are, for completion; empty when they are not a few words.
  let choices: [String]

  init(
    _ name: String, letter: Character? = nil, value: String? = nil, choices: [String] = [], _ help: String
  ) {
    self.name = name
    self.letter = letter
    self.value = value
    self.choices = choices
    self.help = help
  }
}

/// The words of a command line, told apart.
struct Arguments: Sendable {
  private var values: [Given] = []

  private struct Given {
    let name: String
    let value: String
  }
  /// What is not an option.
  var operands: [String] = []

  /// Tells `words` apart by `options`.
  ///
  /// - Parameter operandsEndOptions: after how many operands everything is an operand: the words of another command line.
  /// - Throws: `Failure` for an option that is not among `options`, or whose value is missing.
  init(_ words: some Sequence<String>, _ options: [Option], operandsEndOptions: Int = .max) throws(Failure) {
    var words = Array(words)[...]
    while let word = words.popFirst() {
      if word == "--" {
        operands += words
        return
      }
      guard word.hasPrefix("-"), word != "-" else {
        operands.append(word)
        if operands.count >= operandsEndOptions {
          // The two dashes that set the other command line apart are not part of it.
          if words.first == "--" { words.removeFirst() }
          operands += words
          return
        }
        continue
      }
      try take(word, &words, options)
    }
  }

  private mutating func take(
    _ word: String, _ words: inout ArraySlice<String>, _ options: [Option]
  ) throws(Failure) {
    let body = Substring(word.utf8.drop { $0 == UInt8(ascii: "-") })
    let equals = body.utf8.firstIndex(of: UInt8(ascii: "="))
    let name = String(body[..<(equals ?? body.endIndex)])
    let given = equals.map { String(body[body.utf8.index(after: $0)...]) }
    let isLetter = name.count == 1 && !word.hasPrefix("--")
    let known = options.first { isLetter ? $0.letter == name.first : $0.name == name }
    guard let option = known else {
      if !word.hasPrefix("--"), try takeLetters(body, &words, options) { return }
      throw Failure(.usage, "unknown option \(word)")
    }
    if option.value == nil {
      guard let given else { return give(option, "true") }
      guard given == "true" || given == "false" else {
        throw Failure(.usage, "\(word): \(option.name) takes no value but true or false")
      }
      give(option, given)
    } else if let value = given ?? words.popFirst() {
      give(option, value)
    } else {
      throw Failure(.usage, "option \(word) requires an argument")
    }
  }

  private mutating func give(_ option: Option, _ value: String) {
    values.append(Given(name: option.name, value: value))
  }

  /// Letters written together, such as `-it`. The value of the last one may follow it, as in `-b/dir`, or be the next word.
  private mutating func takeLetters(
    _ letters: Substring, _ words: inout ArraySlice<String>, _ options: [Option]
  ) throws(Failure) -> Bool {
    var found: [Option] = []
    var rest = letters
    while let letter = rest.popFirst() {
      guard let option = options.first(where: { $0.letter == letter }) else { return false }
      found.append(option)
      if option.value != nil { break }
    }
    guard let last = found.popLast() else { return false }
    var value = "true"
    if last.value != nil {
      guard let given = rest.isEmpty ? words.popFirst() : String(rest) else {
        throw Failure(.usage, "option -\(letters) requires an argument")
      }
      value = given
    }
    for option in found { give(option, "true") }
    give(last, value)
    return true
  }

  /// The value of the option called `name`, the last one when it is given several times.
  subscript(name: String) -> String? { values.last { $0.name == name }?.value }

  /// All values of the option called `name`, in order.
  func all(_ name: String) -> [String] {
    values.compactMap { $0.name == name ? $0.value : nil }
  }

  /// Whether the option called `name`, which takes no value, is given.
  func has(_ name: String) -> Bool { self[name] == "true" }

  /// The value of the option called `name` as a whole number from `range`.
  func number(_ name: String, in range: ClosedRange<Int>) throws(Failure) -> Int? {
    guard let text = self[name] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw Failure(
        .usage, "--\(name) \(text): must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
