/// The exit statuses by which shells and Docker tell why a program was not executed.
public enum ProgramStatus {
  /// It was not found.
  public static let notFound: Int32 = 127
  /// It could not be executed.
  public static let notExecuted: Int32 = 126
  /// There was no container to execute it in.
  public static let noContainer: Int32 = 125

  /// The status for `reason`, which a `ContainerError` gives; `nil` when that is not about the program.
  public static func of(_ reason: String) -> Int32? {
    if reason.hasPrefix(enteringWords) { return notExecuted }
    guard reason.hasPrefix("exec: ") else { return nil }
    let isMissing =
      reason.hasSuffix("executable file not found in $PATH") || reason.hasSuffix("No such file or directory")
    return isMissing ? notFound : notExecuted
  }

  /// What a program that joins a container cannot do when its working directory is missing. Engines know these words.
  static func entering(_ directory: String) -> String { "\(enteringWords)(\"\(directory)\")" }

  private static let enteringWords = "chdir to cwd "
}
