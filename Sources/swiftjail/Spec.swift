import Glibc
import Linux
import OCI

/// `swiftjail spec`
enum Spec: Command {
  static let name = "spec"
  static let summary = "write a config.json to start from"
  static let operands = ""
  static let operandCount = 0...0
  static let options = [
    Option("bundle", letter: "b", value: "DIR", "write it to DIR (default: the working directory)"),
    Option("rootless", "with a user namespace, in which the caller's user and group are root"),
  ]

  static func run(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> Int32 {
    let path = arguments["bundle"].map { "\($0)/config.json" } ?? "config.json"
    let config =
      arguments.has("rootless")
      ? RuntimeConfig.rootless(user: geteuid(), group: getegid()) : RuntimeConfig.default
    do throws(Errno) {
      let file = try FileDescriptor.open(path, [.writeOnly, .create, .exclusive], mode: 0o644)
      try file.writeAll(config.json.bytes(.tabs) + [UInt8(ascii: "\n")])
    } catch .fileExists {
      throw Failure(.failed, "\(path) exists already; move it away first")
    } catch {
      throw Failure(.failed, "write \(path): \(error)")
    }
    return 0
  }
}
