/// `swiftjail completion`
enum Completion: Command {
  static let name = "completion"
  static let summary = "print the completion of command lines for a shell"
  static let operands = "bash"
  static let operandCount = 1...1
  static let options: [Option] = []

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    guard arguments.operands == ["bash"] else {
      throw Failure(.usage, "completion: \(arguments.operands[0]): bash is the only shell")
    }
    try Output.print(script)
    return 0
  }

  /// The commands whose operand names a container.
  private static var takingContainer: [any Command.Type] {
    commands.filter { $0.operands.hasPrefix("ID") && $0.name != Create.name && $0.name != Run.name }
  }

  private static var script: String {
    let visible = commands.filter { !$0.isHidden }
    var script = """
      # bash completion for swiftjail
      _swiftjail() {
        local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= i
        for ((i = 1; i < COMP_CWORD; i++)); do
          case ${COMP_WORDS[i]} in
          \(Settings.options.filter { $0.value != nil }.map { "--\($0.name)" }.joined(separator: " | "))) ((i++)) ;;
          -*) ;;
          *) command=${COMP_WORDS[i]}; break ;;
          esac
        done
        local options names=
        case $command in
        "") options="\(words(Settings.options))"
          names="\(visible.map { $0.name }.joined(separator: " "))" ;;

      """
    for command in visible {
      script += "  \(command.name)) options=\"\(words(command.options)) --help\" ;;\n"
    }
    script += "  esac\n  case $command,$previous in\n"
    for (name, option) in choices(visible) {
      script +=
        "  \(name),--\(option.name)) COMPREPLY=($(compgen -W \"\(option.choices.joined(separator: " "))\" -- \"$word\")); return ;;\n"
    }
    script += """
        esac
        case $previous in
        \(files(visible))) COMPREPLY=($(compgen -f -- "$word")); return ;;
        esac
        case $command in
        \(takingContainer.map { $0.name }.joined(separator: " | "))) names=$(swiftjail list --quiet 2>/dev/null) ;;
        completion) names=bash ;;
        esac
        if [[ $word == -* ]]; then names=$options; fi
        COMPREPLY=($(compgen -W "$names" -- "$word"))
      }
      complete -o default -F _swiftjail swiftjail

      """
    return script
  }

  private static func words(_ options: [Option]) -> String {
    options.map { "--\($0.name)" }.joined(separator: " ")
  }

  private static func choices(_ commands: [any Command.Type]) -> [(String, Option)] {
    var rows = Settings.options.filter { !$0.choices.isEmpty }.map { ("", $0) }
    for command in commands {
      rows += command.options.filter { !$0.choices.isEmpty }.map { (command.name, $0) }
    }
    return rows
  }

  /// The options whose value is a path.
  private static func files(_ commands: [any Command.Type]) -> String {
    var names: [String] = []
    for option in Settings.options + commands.flatMap({ $0.options }) {
      let name = "--\(option.name)"
      if ["DIR", "FILE", "PATH"].contains(option.value ?? ""), !names.contains(name) { names.append(name) }
    }
    return names.joined(separator: " | ")
  }
}
