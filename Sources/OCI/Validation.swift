extension RuntimeConfig {
  /// Checks what the types cannot say and needs no kernel: that values make sense, alone and together.
  ///
  /// Whether this kernel knows the names of capabilities, rlimits and mount options is not checked here.
  public func validate() throws(ConfigError) {
    try check(
      isVersion1(ociVersion), "ociVersion",
      "\(quoted(ociVersion)) is not a version 1.x.y of the specification")
    try check(!root.path.isEmpty, "root.path", "must not be empty")
    try inside("process") { () throws(ConfigError) in try process?.validate() }
    try validateNames()
    try each(mounts, "mounts") { (mount) throws(ConfigError) in
      try check(!mount.destination.isEmpty, "destination", "must not be empty")
      try checkRanges(mount.uidMappings, "uidMappings")
      try checkRanges(mount.gidMappings, "gidMappings")
      try check(
        mount.uidMappings.isEmpty == mount.gidMappings.isEmpty,
        mount.uidMappings.isEmpty ? "uidMappings" : "gidMappings",
        "uidMappings and gidMappings are needed together")
    }
    try inside("hooks") { () throws(ConfigError) in try hooks.validate() }
    try check(annotations[""] == nil, "annotations", "a name must not be empty")
    try inside("linux") { () throws(ConfigError) in try linux.validate() }
  }

  private func validateNames() throws(ConfigError) {
    func validate(_ property: String, _ name: String?) throws(ConfigError) {
      guard let name else { return }
      try check(name.utf8.count <= 64, property, "is longer than the 64 bytes that Linux allows")
      try check(
        linux.has(.uts), property, "needs a uts namespace, else it would change the name of the host")
    }
    try validate("hostname", hostname)
    try validate("domainname", domainname)
  }
}

extension RuntimeConfig.Hooks {
  func validate() throws(ConfigError) {
    func validate(_ point: String, _ hooks: [RuntimeConfig.Hook]) throws(ConfigError) {
      try each(hooks, point) { (hook) throws(ConfigError) in
        try check(isAbsolute(hook.path), "path", "must be an absolute path")
        try check(hook.timeout ?? 1 >= 1, "timeout", "must be 1 second or more")
      }
    }
    try validate("prestart", prestart)
    try validate("createRuntime", createRuntime)
    try validate("createContainer", createContainer)
    try validate("startContainer", startContainer)
    try validate("poststart", poststart)
    try validate("poststop", poststop)
  }
}

/// Checks ranges of ids: none is empty, leaves the 32 bits of an id or overlaps another.
func checkRanges(_ mappings: [RuntimeConfig.IDMapping], _ property: String) throws(ConfigError) {
  try check(mappings.count <= 340, property, "has more than the 340 ranges that Linux allows")
  for index in mappings.indices {
    let mapping = mappings[index]
    do throws(ConfigError) {
      try check(mapping.size > 0, "size", "must not be 0")
      try check(mapping.containerID <= UInt32.max - mapping.size, "size", "goes beyond the last id")
      try check(mapping.hostID <= UInt32.max - mapping.size, "size", "goes beyond the last id")
      for other in mappings[..<index] {
        try check(
          !overlap(mapping.containerID, other.containerID, mapping.size, other.size), "containerID",
          "the range overlaps an earlier one")
        try check(
          !overlap(mapping.hostID, other.hostID, mapping.size, other.size), "hostID",
          "the range overlaps an earlier one")
      }
    } catch {
      throw error.inside(index).inside(property)
    }
  }
}

private func overlap(_ start: UInt32, _ otherStart: UInt32, _ size: UInt32, _ otherSize: UInt32) -> Bool {
  start < otherStart + otherSize && otherStart < start + size
}

// MARK: What the checks are made of
//
// A config is validated once in a program's life, so what the checks cost is what they make the Swift runtime
// set up: a Set or an array of tuples of yet another type costs more than all that it does here.

/// Throws that the property is wrong, unless the condition holds.
func check(
  _ condition: Bool, _ property: String, _ reason: @autoclosure () -> String
) throws(ConfigError) {
  if !condition { throw ConfigError(path: property, reason: reason()) }
}

/// Runs a check on a property; its errors are of paths inside the property.
func inside(_ property: String, _ check: () throws(ConfigError) -> Void) throws(ConfigError) {
  do {
    try check()
  } catch {
    throw error.inside(property)
  }
}

/// Runs a check on each element of a list; its errors are of paths inside the element.
func each<Element>(
  _ elements: [Element], _ property: String, _ check: (Element) throws(ConfigError) -> Void
) throws(ConfigError) {
  for index in elements.indices {
    do throws(ConfigError) {
      try check(elements[index])
    } catch {
      throw error.inside(index).inside(property)
    }
  }
}

/// Checks that nothing in a list stands for the same as an earlier element.
func distinct<Element>(
  _ elements: [Element], _ property: String, by key: (Element) -> String, _ name: String
) throws(ConfigError) {
  for index in elements.indices {
    let value = key(elements[index])
    for earlier in 0..<index where key(elements[earlier]) == value {
      throw ConfigError(path: name, reason: "\(quoted(value)) is in element \(earlier) already")
        .inside(index).inside(property)
    }
  }
}

/// Whether a path begins at a root.
func isAbsolute(_ path: String) -> Bool { path.utf8.first == UInt8(ascii: "/") }

/// Whether the text is a list of numbers and ranges, such as `0-3,7` (cpuset(7), "List format").
public func isNumberList(_ text: String) -> Bool {
  text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).allSatisfy { item in
    let ends = item.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map {
      (end) -> UInt32? in
      let number = String(Substring(end)).trimmingSpaces
      return number.utf8.first == UInt8(ascii: "+") ? nil : UInt32(number)
    }
    switch (ends.first, ends.dropFirst().first) {
    case (.some(.some), nil): return true
    case (.some(let low?), .some(let high?)): return ends.count == 2 && low <= high
    default: return false
    }
  }
}

/// Whether the text is a semantic version (semver.org) with 1 in front.
func isVersion1(_ text: String) -> Bool {
  let release = text.utf8.prefix { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") }
  let numbers = release.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  let tail = text.utf8.dropFirst(release.count)
  let tailIsPlain = tail.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
      true
    default: false
    }
  }
  return tail.count != 1 && tailIsPlain && numbers.count == 3 && numbers[0].elementsEqual("1".utf8)
    && numbers.allSatisfy { number in
      !number.isEmpty && number.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        && (number.count == 1 || number.first != UInt8(ascii: "0"))
    }
}

extension String {
  fileprivate var trimmingSpaces: Substring {
    let rest = drop { $0 == " " }
    return rest.prefix(upTo: rest.lastIndex { $0 != " " }.map(rest.index(after:)) ?? rest.startIndex)
  }
}
