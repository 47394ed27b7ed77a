import Glibc

/// An extended regular expression of POSIX (`regex(7)`).
public struct RegularExpression: ~Copyable {
  private let compiled: regex_t

  /// The expression `pattern`, compiled; `nil` when it is not a valid one (`regcomp(3)`).
  public init?(_ pattern: String) {
    var compiled = regex_t()
    guard regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0 else { return nil }
    self.compiled = compiled
  }

  /// Whether it matches some part of `text` (`regexec(3)`).
  public func matches(_ text: String) -> Bool {
    withUnsafePointer(to: compiled) { regexec($0, text, 0, nil, 0) == 0 }
  }

  deinit {
    var compiled = compiled
    regfree(&compiled)
  }
}
