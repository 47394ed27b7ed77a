import Linux
import OCI

/// Where the standard streams of a container lead: those that are pipes of somebody outside are given anew when the container
/// is restored. The file that says which is that of runc and crun: a list with the target of each link in `/proc/PID/fd`.
struct CheckpointStreams: Equatable {
  /// The targets of descriptors 0, 1 and 2, such as `pipe:[4711]`; empty for what stays inside the container.
  private(set) var targets: [String]

  /// The file's name among the images.
  static let fileName = "descriptors.json"

  /// Those of the processes `pids`, the container's first one in front.
  ///
  /// A pipe that has both its ends in the container is its own.
  init(of pids: [Int32]) {
    var own: [String: Set<Bool>] = [:]
    var streams: [[String]] = [[], [], []]
    for pid in pids {
      for file in Self.files(of: pid) {
        if file.number < 3 { streams[Int(file.number)].append(file.target) }
        if file.target.hasPrefix("pipe:") { own[file.target, default: []].insert(file.isWritable) }
      }
    }
    targets = streams.map { targets in
      let outer = targets.first { $0.hasPrefix("pipe:") && own[$0]?.count == 1 }
      return outer ?? targets.first.flatMap { $0.hasPrefix("pipe:") ? nil : $0 } ?? ""
    }
  }

  private struct OpenFile {
    let number: Int32
    let target: String
    let isWritable: Bool
  }

  private static func files(of pid: Int32) -> [OpenFile] {
    let directory = "/proc/\(pid)/fd"
    // A process may have ended, and so may a file's use.
    guard let names = try? Directory.entries(of: directory) else { return [] }
    return names.compactMap { entry in
      guard let number = Int32(entry.name), let target = try? File.symbolicLink("\(directory)/\(number)"),
        number < 3 || target.hasPrefix("pipe:"), let text = try? File.text("/proc/\(pid)/fdinfo/\(number)"),
        let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags:") }),
        let flags = line.split(whereSeparator: { $0 == "\t" || $0 == " " }).last.flatMap({
          Int32($0, radix: 8)
        })
      else { return nil }
      return OpenFile(number: number, target: target, isWritable: flags & 3 != 0)
    }
  }

  /// Reads the file among the images in the directory `images`.
  init(from images: String) throws(ContainerError) {
    let path = "\(images)/\(Self.fileName)"
    let bytes: [UInt8]
    do throws(Errno) { bytes = try File.read(path, limit: 1 << 20) } catch {
      throw ContainerError(
        "--image-path: read \(path)", error, advice: "the directory holds no complete checkpoint")
    }
    do throws(ConfigError) { targets = try [String](parsing: bytes) } catch {
      throw ContainerError(.failed, "--image-path: \(path): \(error)")
    }
  }

  /// Writes the file among the images in the directory `images`.
  func write(to images: String) throws(ContainerError) {
    let path = "\(images)/\(Self.fileName)"
    try attempt("write \(path)") { () throws(Errno) in
      try File.replace(path, with: targets.json.bytes())
    }
  }

  /// The pipes that are given anew, and the descriptor that takes the place of each.
  var pipes: [(name: String, number: Int32)] {
    targets.enumerated().prefix(3).compactMap { index, target in
      target.hasPrefix("pipe:") ? (target, Int32(index)) : nil
    }
  }
}
