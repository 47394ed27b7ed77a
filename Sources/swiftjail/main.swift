import Container
import Glibc
import Layers
import Linux
import OCI

/// The version of this program.
let version = "0.1.0"

func main() -> Int32 {
  if CommandLine.arguments.first == PartitionSettings.initPath {
    return InitProgram.run(CommandLine.arguments.dropFirst())
  }
  var inProgram = false
  var log = Log()
  do throws(Failure) {
    let words = CommandLine.arguments.dropFirst()
    let all = try Arguments(words, Settings.options, operandsEndOptions: 1)
    log.file = all["log"]
    log.isDebug = all.has("debug")
    switch all["log-format"] {
    case nil, "text"?: log.format = .text
    case "json"?: log.format = .json
    case let other?: throw Failure(.usage, "--log-format \(other): must be text or json")
    }
    try log.requireFile()
    if all.has("help") || all.operands.first == "help" {
      try Output.print(Help.program)
      return 0
    }
    if all.has("version") {
      try Output.print("swiftjail version \(version)\nspec: \(RuntimeConfig.latestVersion)\n")
      return 0
    }
    guard let name = all.operands.first else {
      throw Failure(.usage, "no command given; swiftjail --help lists them")
    }
    guard let command = commands.first(where: { $0.name == name }) else {
      throw Failure(.usage, "unknown command \"\(name)\"; swiftjail --help lists them")
    }
    inProgram = name == Run.name || name == Exec.name
    try refuseOtherThanUTF8()
    return try run(command, all.operands.dropFirst(), Settings(all, log), log.debugMessages)
  } catch {
    log.write(.error, error.message)
    return inProgram ? error.programStatus : 1
  }
}

/// Refuses a command line that is not UTF-8. A Swift string would change it, and the wrong file might be removed.
func refuseOtherThanUTF8() throws(Failure) {
  for index in 0..<Int(CommandLine.argc) {
    guard let word = CommandLine.unsafeArgv[index] else { continue }
    let bytes = UnsafeRawBufferPointer(start: word, count: strlen(word))
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw Failure(
        .usage,
        "argument \(index) is not UTF-8: \(CommandLine.arguments[index]); have a shell inside spell it")
    }
  }
}

func run(
  _ command: any Command.Type, _ words: ArraySlice<String>, _ settings: Settings, _ debug: DebugMessages?
) throws(Failure) -> Int32 {
  let options = command.options + [Option("help", letter: "h", "print this help")]
  let arguments: Arguments
  do throws(Failure) {
    arguments = try Arguments(words, options, operandsEndOptions: command.operandsEndOptions)
    if arguments.has("help") {
      try Output.print(Help.command(command))
      return 0
    }
    guard command.operandCount.contains(arguments.operands.count) else {
      let what = arguments.operands.count < command.operandCount.lowerBound ? "too few" : "too many"
      throw Failure(
        .usage, "\(what) arguments; it takes \(command.operands.isEmpty ? "none" : command.operands)")
    }
    // The supervisor's list would be at the address of a partition without a name.
    if command.operands.hasPrefix("NAME") || command.operands.hasPrefix("[NAME"),
      arguments.operands.contains(where: \.isEmpty)
    {
      throw Failure(.usage, "a name is empty")
    }
  } catch {
    throw Failure(error.kind, "\(command.name): \(error.message)")
  }
  // The other words may hold what is secret.
  debug?.say("command \(command.name) \(arguments.operands.first ?? ""), version \(version)")
  let status = try command.run(arguments, settings)
  debug?.say("command \(command.name): status \(status)")
  return status
}

Inherited.repair()
exitNow(main())
