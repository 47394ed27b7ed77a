/// The texts of `--help`.
enum Help {
  static var program: String {
    var text = """
      swiftjail runs programs in isolated partitions of this machine.

      Usage: swiftjail [options] COMMAND ...

      Commands:

      """
    text += columns(commands.filter { !$0.isHidden }.map { ($0.name, $0.summary) })
    text += "\nOptions:\n" + options(Settings.options)
    text += "\nswiftjail COMMAND --help tells more of a command.\n"
    return text
  }

  static func command(_ command: any Command.Type) -> String {
    let first = command.summary.prefix(1).uppercased() + command.summary.dropFirst()
    var text = "\(first).\n\nUsage: swiftjail \(command.name)"
    text += command.options.isEmpty ? "" : " [options]"
    text += command.operands.isEmpty ? "\n" : " \(command.operands)\n"
    text += "\nOptions:\n" + options(command.options + [Option("help", letter: "h", "print this help")])
    return text
  }

  private static func options(_ options: [Option]) -> String {
    columns(
      options.map { option in
        let letter = option.letter.map { "-\($0), " } ?? "    "
        return ("\(letter)--\(option.name)\(option.value.map { " \($0)" } ?? "")", option.help)
      })
  }

  private static func columns(_ rows: [(String, String)]) -> String {
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { name, help in
      "  \(name)\(String(repeating: " ", count: width - name.count + 2))\(help)\n"
    }.joined()
  }
}
