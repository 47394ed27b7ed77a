import OCI

/// What definitions say of each other: names that are taken, partitions that are after none that there is, or after
/// themselves.
struct DefinitionReferences {
  /// Errors, and the files that cannot be carried out for them.
  struct Findings {
    var errors: [DefinitionError] = []
    var wrong: Set<String> = []
    private var counts: [String: Int] = [:]

    mutating func add(_ file: DefinitionFile, _ path: String, _ reason: String) {
      let count = counts[file.path, default: 0] + 1
      counts[file.path] = count
      if count <= DefinitionFile.mostErrors { errors.append(file.error(at: path, reason)) }
      wrong.insert(file.path)
    }

    /// Says of each of `files` how many errors of it are not told.
    mutating func close(_ files: [DefinitionFile]) {
      for file in files {
        if let count = counts[file.path], let more = file.more(than: count) { errors.append(more) }
      }
    }
  }

  /// The files of partitions that are not defined after all.
  private var dropped: [String: String] = [:]
  /// What was defined before, and may stay when its file is wrong now.
  private let former: Set<String>

  /// - Parameter former: the names of what was defined before.
  init(former: Set<String>) { self.former = former }

  /// What is wrong in `files`, beside `kept`, which stays as it is. Without the files that are wrong, others may be.
  mutating func errors(in files: [DefinitionFile], beside kept: [DefinitionSet.Entry]) -> Findings {
    var findings = Findings()
    var places: [String: String] = [:]
    var functions: Set<String> = []
    for entry in kept {
      places[entry.definition.name] = entry.file
      if entry.definition.isFunction { functions.insert(entry.definition.name) }
    }
    for file in files {
      for entry in file.entries {
        let name = entry.definition.name
        if entry.definition.isFunction { functions.insert(name) }
        if let other = places[name] {
          let path = entry.path.isEmpty ? "name" : "\(entry.path).name"
          findings.add(file, path, "\(quoted(name)) is defined in \(other) already")
        } else {
          places[name] = file.path
        }
      }
    }
    if findings.wrong.isEmpty { findUnknown(files, places, functions, &findings) }
    if findings.wrong.isEmpty { findCycles(files, kept, &findings) }
    findings.close(files)
    for file in files where findings.wrong.contains(file.path) {
      for entry in file.entries { dropped[entry.definition.name] = file.path }
    }
    return findings
  }

  private func findUnknown(
    _ files: [DefinitionFile], _ places: [String: String], _ functions: Set<String>,
    _ findings: inout Findings
  ) {
    for file in files {
      for entry in file.entries {
        for (index, name) in entry.definition.after.enumerated()
        where places[name] == nil || functions.contains(name) {
          let reason =
            functions.contains(name)
            ? "\(quoted(name)) is a function, which runs when it is asked for"
            : dropped[name].map { "\(quoted(name)) is in \($0), which has errors" }
              ?? "there is no partition \(quoted(name))"
          findings.add(file, Self.after(entry, index), reason)
        }
      }
    }
    if !findings.wrong.isEmpty { findFollowing(files, &findings) }
  }

  /// Finds those that are after what files would have defined that are wrong, and was not defined before, those that are
  /// after these, and so on: a long chain is gone through once.
  private func findFollowing(_ files: [DefinitionFile], _ findings: inout Findings) {
    var followers: [String: [(file: Int, entry: Int, index: Int)]] = [:]
    for (number, file) in files.enumerated() {
      for (entry, found) in file.entries.enumerated() {
        for (index, name) in found.definition.after.enumerated() {
          followers[name, default: []].append((number, entry, index))
        }
      }
    }
    var work = files.filter { findings.wrong.contains($0.path) }
    while let wrong = work.popLast() {
      var found: Set<String> = []
      for name in wrong.entries.map(\.definition.name) where !former.contains(name) {
        for follower in followers[name] ?? [] {
          let file = files[follower.file]
          if !findings.wrong.contains(file.path) {
            found.insert(file.path)
            work.append(file)
          }
          guard found.contains(file.path) else { continue }
          findings.add(
            file, Self.after(file.entries[follower.entry], follower.index),
            "\(quoted(name)) is in \(wrong.path), which has errors")
        }
      }
    }
  }

  private func findCycles(
    _ files: [DefinitionFile], _ kept: [DefinitionSet.Entry], _ findings: inout Findings
  ) {
    var definitions = kept.map(\.definition)
    var places: [(file: DefinitionFile, entry: DefinitionFile.Entry)?] = kept.map { _ in nil }
    for file in files {
      for entry in file.entries {
        definitions.append(entry.definition)
        places.append((file, entry))
      }
    }
    for cycle in StartOrder(definitions).cycles {
      guard let first = cycle.indices.first(where: { places[cycle[$0]] != nil }),
        let place = places[cycle[first]]
      else { continue }
      let members = Array(cycle[first...] + cycle[..<first])
      var others = members.dropFirst().prefix(Self.mostMembers).map { member in
        let file = places[member].map { " (\($0.file.path))" } ?? ""
        return "\(definitions[member].name)\(file), which is after "
      }
      let rest = members.count - 1 - others.count
      if rest > 0 { others.append("\(rest) more, the last of which is after ") }
      let name = definitions[members[0]].name
      let next = definitions[members[1 % members.count]].name
      let index = place.entry.definition.after.firstIndex(of: next) ?? 0
      findings.add(
        place.file, Self.after(place.entry, index),
        "\(name) would be after itself: after \(others.joined())\(name)")
      for member in members { if let place = places[member] { findings.wrong.insert(place.file.path) } }
    }
  }

  /// How many partitions of a circle are told by name.
  private static let mostMembers = 10

  private static func after(_ entry: DefinitionFile.Entry, _ index: Int) -> String {
    entry.path.isEmpty ? "after[\(index)]" : "\(entry.path).after[\(index)]"
  }
}
