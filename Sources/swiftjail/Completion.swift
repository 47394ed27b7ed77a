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

  private static var visible: [any Command.Type] { commands.filter { !$0.isHidden } }

  /// The commands whose operand names a container that there is, and no partition that could be one.
  private static var takingContainer: [any Command.Type] {
    visible.filter {
      ($0.operands.hasPrefix("ID") || $0.operands.hasPrefix("[ID"))
        && ![Create.name, Run.name, Start.name].contains($0.name)
    }
  }

  /// When a word may be the name of a partition of the supervisor: a command, a comma, and after how many operands.
  private static var beforePartition: String {
    visible.filter { $0.operands.hasPrefix("NAME") || $0.operands.hasPrefix("[NAME") }
      .map { "\($0.name),\($0.operandCount.upperBound > 1 ? "*" : "0")" }.joined(separator: " | ")
  }

  private static var script: String {
    var script = """
      # bash completion for swiftjail
      _swiftjail() {
        local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
        # Bash makes a word of the equals sign between an option and its value.
        if [[ $word == = ]]; then word=; elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi
        local program=${COMP_WORDS[0]} place=() command= first= count=0 i
        for ((i = 1; i < COMP_CWORD; i++)); do
          case $command,${COMP_WORDS[i]} in
          ,--root | ,--socket)
            place+=("${COMP_WORDS[i]}")
            [[ ${COMP_WORDS[i+1]} != = ]] || ((i++)); ((i++)); place+=("${COMP_WORDS[i]/#\\~/$HOME}") ;;

      """
    for (command, options) in sections {
      let patterns = patterns(
        options.filter { $0.value != nil && !(command.isEmpty && ["root", "socket"].contains($0.name)) },
        of: command)
      if !patterns.isEmpty {
        script += "    \(patterns)) [[ ${COMP_WORDS[i+1]} != = ]] || ((i++)); ((i++)) ;;\n"
      }
    }
    script += """
          *,=) ((i++)) ;;
          *,-*) ;;
          ,*) command=${COMP_WORDS[i]} ;;
          *) ((count++)) || first=$i ;;
          esac
        done
        # What follows the name of a container is another command line.
        if [[ $command == \(programCommands) && $first ]]; then
          if ((count == 1)) && [[ $word != */* ]]; then
            COMPREPLY=($(compgen -c -- "$word"))
          else
            compopt -o default 2>/dev/null
            COMPREPLY=()
          fi
          return
        fi
        case $command,$previous in

      """
    for (command, options) in sections {
      for option in options where !option.choices.isEmpty {
        script +=
          "  \(patterns([option], of: command))) COMPREPLY=($(compgen -W \"\(option.choices.joined(separator: " "))\" -- \"$word\")); return ;;\n"
      }
      let files = patterns(options.filter(takesFile), of: command)
      if !files.isEmpty {
        script +=
          "  \(files)) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
      }
      let others = patterns(
        options.filter { $0.value != nil && $0.choices.isEmpty && !takesFile($0) }, of: command)
      if !others.isEmpty { script += "  \(others)) COMPREPLY=(); return ;;\n" }
    }
    script += """
        esac
        local options= names=
        case $command in
        "") options="\(words(Settings.options))"
          names="\(visible.map { $0.name }.joined(separator: " "))" ;;

      """
    for command in visible {
      script += "  \(command.name)) options=\"\(words(command.options)) --help\" ;;\n"
    }
    script += """
        esac
        if [[ $word == -* ]]; then
          names=$options
        else
          case $command,$count in
          \(takingContainer.map { "\($0.name),0" }.joined(separator: " | "))) names=$("$program" "${place[@]}" list --quiet 2>/dev/null) ;;
          \(Start.name),*)
            names="$("$program" "${place[@]}" list --quiet 2>/dev/null)
            $("$program" "${place[@]}" \(PartitionNames.name) 2>/dev/null)" ;;
          \(beforePartition)) names=$("$program" "${place[@]}" \(PartitionNames.name) 2>/dev/null) ;;
          \(Check.name),*) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
          \(Kill.name),1) names=$(compgen -A signal -- SIG) ;;
          \(name),0) names=bash ;;
          esac
        fi
        COMPREPLY=($(compgen -W "$names" -- "$word"))
      }
      complete -F _swiftjail swiftjail

      """
    return script
  }

  /// The options of the program, whose command is empty, and of each command.
  private static var sections: [(command: String, options: [Option])] {
    [("", Settings.options)] + visible.map { ($0.name, $0.options) }
  }

  /// The commands after whose first operand another command line begins.
  private static var programCommands: String {
    "@(" + visible.filter { $0.operandsEndOptions == 1 }.map { $0.name }.joined(separator: "|") + ")"
  }

  /// Patterns for a command, a comma, and one of its options.
  private static func patterns(_ options: [Option], of command: String) -> String {
    options.flatMap { option in
      ["\(command),--\(option.name)"] + (option.letter.map { ["\(command),-\($0)"] } ?? [])
    }.joined(separator: " | ")
  }

  private static func words(_ options: [Option]) -> String {
    options.map { "--\($0.name)" }.joined(separator: " ")
  }

  /// Whether the option's value is, or starts with, a path of the host.
  private static func takesFile(_ option: Option) -> Bool {
    switch option.value {
    case "FILE"?: true
    case "DIR"?: !["cwd", "workdir"].contains(option.name)
    case "PATH"?: option.name != "cgroup"
    case let value?: value.hasPrefix("SRC")
    case nil: false
    }
  }
}
