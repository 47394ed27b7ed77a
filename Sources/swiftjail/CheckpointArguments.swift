import Container
import Glibc
import Linux

/// The options that `checkpoint` and `restore` share.
enum CheckpointArguments {
  static let options = [
    Option("image-path", value: "DIR", "the directory of criu's images (default: checkpoint)"),
    Option("work-path", value: "DIR", "the directory of criu's log (default: that of the images)"),
    Option("tcp-established", "allow open TCP connections"),
    Option("ext-unix-sk", "allow Unix sockets that are connected to the outside"),
    Option("shell-job", "allow a session that began outside the container"),
    Option("file-locks", "keep file locks"),
    Option(
      "manage-cgroups-mode", value: "MODE", choices: CheckpointCgroupsMode.allCases.map(\.rawValue),
      "how criu treats cgroups: soft (the default), full, strict or ignore"),
    Option(
      "empty-ns", value: "KIND", choices: ["network"],
      "leave a namespace's content to others: network, as is done in any case"),
    Option("auto-dedup", "drop from earlier images what a later one has"),
    Option("lazy-pages", "fetch pages of memory when they are needed (criu lazy-pages)"),
  ]

  static func read(_ arguments: Arguments, _ settings: Settings) throws(Failure) -> CheckpointSettings {
    let images = arguments["image-path"].flatMap { $0.isEmpty ? nil : $0 } ?? "checkpoint"
    var checkpoint = CheckpointSettings(imagePath: images)
    checkpoint.workPath = arguments["work-path"].flatMap { $0.isEmpty ? nil : $0 }
    checkpoint.program = settings.criu
    checkpoint.searchPath = getenv("PATH").map { String(cString: $0) }
    checkpoint.allowsEstablishedTCP = arguments.has("tcp-established")
    checkpoint.allowsExternalUnixSockets = arguments.has("ext-unix-sk")
    checkpoint.allowsShellJobs = arguments.has("shell-job")
    checkpoint.keepsFileLocks = arguments.has("file-locks")
    checkpoint.deduplicates = arguments.has("auto-dedup")
    checkpoint.isLazy = arguments.has("lazy-pages")
    if let text = arguments["manage-cgroups-mode"], !text.isEmpty {
      guard let mode = CheckpointCgroupsMode(rawValue: text) else {
        throw Failure(.usage, "--manage-cgroups-mode \(text): must be soft, full, strict or ignore")
      }
      checkpoint.cgroupsMode = mode
    }
    for kind in arguments.all("empty-ns") where kind != "network" {
      throw Failure(.usage, "--empty-ns \(kind): must be network, the only kind for which criu can do that")
    }
    return checkpoint
  }
}
