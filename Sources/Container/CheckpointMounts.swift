import Linux

/// The mounts of a container that criu leaves to its caller: those that come from outside the container.
struct CheckpointMounts: ~Copyable {
  /// A mount that criu does not make itself.
  struct External: Equatable {
    /// Where it is in the container.
    let point: String
    /// What it is called in the images.
    let name: String
  }

  /// One line of a mountinfo file (`proc(5)`).
  struct Entry: Equatable {
    /// The mount's number.
    let number: Int
    /// Where it is.
    let point: String

    /// Reads `line`; `nil` when it is none.
    init?(_ line: Substring) {
      let words = line.split(separator: " ", maxSplits: 5)
      guard words.count == 6, let number = Int(words[0]) else { return nil }
      self.number = number
      point = Self.plain(words[4])
    }

    /// `text` with what the kernel has written as `\040` as it is.
    private static func plain(_ text: Substring) -> String {
      var bytes: [UInt8] = []
      var rest = Array(text.utf8)[...]
      while let byte = rest.popFirst() {
        let digits = rest.prefix(3)
        guard byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) })
        else {
          bytes.append(byte)
          continue
        }
        bytes.append(digits.reduce(0) { $0 &* 8 &+ ($1 &- 0x30) })
        rest = rest.dropFirst(3)
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    /// The lines of a mountinfo file.
    static func parse(_ text: String) -> [Entry] {
      text.split(separator: "\n").compactMap { Entry($0) }
    }
  }

  /// The container's mounts.
  let entries: [Entry]
  private let root: FileDescriptor
  private let plan: Plan

  /// Those of the container that `plan` describes, whose first process is `pid`.
  init(of pid: Int32, _ plan: Plan) throws(ContainerError) {
    let operation = "look at the mounts of process \(pid)"
    let root = try attempt(operation) { () throws(Errno) in
      try FileDescriptor.open("/proc/\(pid)/root", [.path, .directory])
    }
    let text = try attempt(operation) { () throws(Errno) in try File.text("/proc/\(pid)/mountinfo") }
    entries = Entry.parse(text)
    self.plan = plan
    self.root = root
  }

  /// The mounts that come from outside: the sources of bind mounts with what is mounted below them, the host's device that
  /// hides files, and devices that are the host's.
  func external() throws(ContainerError) -> [External] {
    var found: [External] = []
    func add(_ point: String, _ name: String) {
      if !found.contains(where: { $0.point == point }) { found.append(External(point: point, name: name)) }
    }
    var points: [String?] = []
    for mount in plan.mounts {
      // What is mounted anew is what was mounted before.
      points.append(mount.kind == .remount ? nil : try point(of: mount.destination))
    }
    for (index, mount) in plan.mounts.enumerated() {
      guard case .bind = mount.kind, plan.innerSource(of: index) == nil, let point = points[index] else {
        continue
      }
      add(point, mount.destination)
      guard mount.options.bind == .recursive else { continue }
      for entry in entries where entry.point.hasPrefix(point + "/") {
        // What is below another mount of the configuration belongs to that.
        let isOthers = points.contains { other in
          guard let other, other.utf8.count > point.utf8.count else { return false }
          return entry.point == other || entry.point.hasPrefix(other + "/")
        }
        if !isOthers { add(entry.point, mount.destination + entry.point.dropFirst(point.count)) }
      }
    }
    for path in plan.maskedPaths {
      guard let point = try point(of: path, besides: .directory) else { continue }
      add(point, Self.null)
    }
    for device in DevicePlan.defaults + plan.devices {
      guard let point = try point(of: device.path) else { continue }
      add(point, device.path)
    }
    return found
  }

  /// The device that hides files.
  static let null = "/dev/null"

  /// Where the mount is whose root is at `path` in the container; `nil` when none is, or one of the kind `kind`.
  private func point(of path: String, besides kind: FileKind? = nil) throws(ContainerError) -> String? {
    do throws(Errno) {
      let place = try FileDescriptor.open(
        path, .path, resolve: [.inRoot, .noMagicLinks], at: root.rawValue)
      let found = try place.status()
      guard found.kind != kind else { return nil }
      let text = try File.text("/proc/self/fdinfo/\(place.rawValue)")
      let line = text.split(separator: "\n").first { $0.hasPrefix("mnt_id:") }
      guard let number = line?.split(whereSeparator: { $0 == "\t" || $0 == " " }).last.flatMap({ Int($0) }),
        let entry = entries.first(where: { $0.number == number }), entry.point != "/"
      else { return nil }
      // A file in the mount, or its root.
      let top = try FileStatus.of(entry.point.dropFirstSlash, at: root.rawValue, following: false)
      return top.inode == found.inode && top.fileSystem == found.fileSystem ? entry.point : nil
    } catch .noSuchFileOrDirectory { return nil } catch .notDirectory { return nil } catch {
      throw ContainerError("look at \(path) in the container", error)
    }
  }

  /// The mounts of this mount namespace below the source of a bind mount with all below it, as the images name them, and the
  /// path of each.
  static func below(
    _ source: String, of mount: MountPlan, in entries: [Entry]
  ) -> [(name: String, path: String)] {
    guard mount.options.bind == .recursive else { return [] }
    let top = MountPlan.clean(source)
    let prefix = top == "/" ? top : top + "/"
    return entries.filter { $0.point.hasPrefix(prefix) && $0.point != "/" }.map { entry in
      (mount.destination + "/" + entry.point.dropFirst(prefix.count), entry.point)
    }
  }
}

extension String {
  fileprivate var dropFirstSlash: String { hasPrefix("/") ? String(dropFirst()) : self }
}
