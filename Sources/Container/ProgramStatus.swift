/// The exit statuses by which shells and Docker tell why a program was not executed.
public enum ProgramStatus {
  /// It was not found.
  public static let notFound: Int32 = 127
  /// It could not be executed.
  public static let notExecuted: Int32 = 126
  /// There was no container to execute it in.
  public static let noContainer: Int32 = 125

  /// The status for `reason`, a `ContainerError` of which the text alone was passed on; `nil` when that is not about the
  /// program.
  public static func of(_ reason: String) -> Int32? {
    if reason.hasPrefix(enteringWords) { return notExecuted }
    guard reason.hasPrefix("exec: ") else { return nil }
    let isMissing =
      reason.hasSuffix("executable file not found in $PATH") || reason.hasSuffix("No such file or directory")
    return isMissing ? notFound : notExecuted
  }

  private static let enteringWords = "chdir to cwd "
}
