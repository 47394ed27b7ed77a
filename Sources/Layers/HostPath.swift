/// Paths of the host in what people write.
public enum HostPath {
  /// The absolute path that `text` stands for: itself, or one that starts with `./` or `../` below `directory`.
  ///
  /// `nil` for anything else: a plain word may be a name one day.
  public static func absolute(_ text: String, relativeTo directory: String) -> String? {
    if text.hasPrefix("/") { return text }
    guard text == "." || text == ".." || text.hasPrefix("./") || text.hasPrefix("../") else { return nil }
    return "\(directory)/\(text)"
  }
}
