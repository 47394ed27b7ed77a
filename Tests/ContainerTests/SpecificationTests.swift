import Foundation
import OCI
import Testing

@testable import Container

/// Each property of the specification works or is refused by its path, and README says which.
@Suite("The specification's properties")
struct SpecificationTests {
  private static let package = URL(filePath: #filePath).appending(path: "../../..").standardized

  /// A configuration with every property that works. The fuzzer starts from it as well.
  nonisolated(unsafe) private static let full: [String: Any] = {
    let file = package.appending(path: "Tests/fuzz/seeds/config/full.json")
    let object = (try? Data(contentsOf: file)).flatMap { try? JSONSerialization.jsonObject(with: $0) }
    return object as? [String: Any] ?? [:]
  }()

  /// A property that is refused, and a value of its right type.
  struct Refused: CustomTestStringConvertible, @unchecked Sendable {
    let path: String
    let value: Any
    var testDescription: String { path }
  }

  static let refused = [
    Refused(path: "process.commandLine", value: "true"),
    Refused(path: "process.user.username", value: "user"),
    Refused(path: "linux.personality.flags", value: ["READ_IMPLIES_EXEC"]),
    Refused(path: "linux.resources.blockIO.leafWeight", value: 10),
    Refused(path: "linux.resources.blockIO.weightDevice[0].leafWeight", value: 10),
    Refused(path: "linux.resources.cpu.realtimePeriod", value: 1000),
    Refused(path: "linux.resources.cpu.realtimeRuntime", value: 1000),
    Refused(path: "linux.resources.memory.kernel", value: 1_000_000),
    Refused(path: "linux.resources.memory.kernelTCP", value: 1_000_000),
    Refused(path: "linux.resources.memory.swappiness", value: 10),
    Refused(path: "linux.resources.memory.disableOOMKiller", value: true),
    Refused(path: "linux.resources.network.classID", value: 1),
    Refused(path: "linux.resources.network.priorities", value: [["name": "eth0", "priority": 1]]),
  ]

  /// Objects whose names are free.
  private static let maps = [
    "annotations", "linux.netDevices", "linux.resources.unified", "linux.resources.rdma", "linux.sysctl",
  ]

  /// A property in a document: as errors call it, as the schema does, and the way to it.
  struct Property: CustomTestStringConvertible, @unchecked Sendable {
    var path = ""
    var schemaPath = ""
    var way: [Any] = []
    var value: Any

    var testDescription: String { path }

    /// This one and all below.
    var all: [Property] {
      var all = way.isEmpty ? [] : [self]
      if let object = value as? [String: Any] {
        for (name, value) in object {
          let isFree = SpecificationTests.maps.contains(schemaPath)
          let dot = path.isEmpty ? "" : "."
          let below = Property(
            path: name.contains(".") ? "\(path)[\"\(name)\"]" : path + dot + name,
            schemaPath: schemaPath + dot + (isFree ? "*" : name), way: way + [name], value: value)
          all += below.all
        }
      } else if let array = value as? [[String: Any]] {
        for (index, value) in array.enumerated() {
          let element = Property(
            path: "\(path)[\(index)]", schemaPath: schemaPath + "[]", way: way + [index], value: value)
          all += element.all.filter { $0.way.count > element.way.count }
        }
      }
      return all
    }

    /// A value of another type.
    var unlike: Any { value is String ? 1 : "text" }
  }

  static let works = Property(value: full).all.sorted { $0.path < $1.path }

  /// A document with another value at the end of a way.
  private func replacing(_ way: ArraySlice<Any>, in value: Any?, with new: Any) -> Any {
    guard let step = way.first else { return new }
    if let index = step as? Int, var array = value as? [Any] {
      array[index] = replacing(way.dropFirst(), in: array[index], with: new)
      return array
    }
    var object = value as? [String: Any] ?? [:]
    let name = step as? String ?? ""
    object[name] = replacing(way.dropFirst(), in: object[name], with: new)
    return object
  }

  private func plan(_ document: Any) throws -> Plan {
    let bytes = try JSONSerialization.data(withJSONObject: document)
    return try Plan(RuntimeConfig(parsing: [UInt8](bytes)), bundle: "/bundle")
  }

  /// The path with which a document is refused, and the reason.
  private func refusal(_ document: Any) throws -> (path: String, reason: String)? {
    let text: String
    do {
      _ = try plan(document)
      return nil
    } catch let error as ConfigError {
      text = error.description
    } catch let error as ContainerError {
      text = error.description
    }
    let parts = text.components(separatedBy: ": ")
    return (parts[0], parts.dropFirst().joined(separator: ": "))
  }

  @Test("Every property of the schema works or is refused")
  func complete() {
    let listed = Set(specificationPaths.split { $0.isWhitespace }.map(String.init))
    let refused = Self.refused.map { $0.path.replacing("[0]", with: "[]") }
    let known = Set(Self.works.map(\.schemaPath)).union(refused)
    let missing = listed.subtracting(known).filter { path in
      !refused.contains { path.hasPrefix($0 + ".") || path.hasPrefix($0 + "[]") }
    }
    #expect(missing.isEmpty, "\(missing.sorted())")
    #expect(known.subtracting(listed).isEmpty, "\(known.subtracting(listed).sorted())")
  }

  @Test("A configuration with all that works is accepted")
  func accepted() throws {
    let refusal = try self.refusal(Self.full)
    #expect(refusal == nil, "\(String(describing: refusal))")
  }

  @Test("A property that works is read: a value of the wrong type is refused by its path", arguments: works)
  func isRead(property: Property) throws {
    let refusal = try self.refusal(replacing(property.way[...], in: Self.full, with: property.unlike))
    #expect(refusal?.path == property.path, "\(String(describing: refusal))")
  }

  @Test("A property that does not work is refused by its path", arguments: refused)
  func isRefused(property: Refused) throws {
    let refusal = try self.refusal(Self.changed(property))
    #expect(
      refusal?.path == property.path && refusal?.reason.isEmpty == false, "\(String(describing: refusal))")
  }

  private static func changed(_ property: Refused) -> Any {
    let way = property.path.split(separator: ".").flatMap { name -> [Any] in
      name.hasSuffix("[0]") ? [String(name.dropLast(3)), 0] : [String(name)]
    }
    return SpecificationTests().replacing(way[...], in: full, with: property.value)
  }

  /// The rows of README's table: a property, with all below that have no row of their own, and what it says of it.
  private static let table: [(path: String, verdict: String)] = {
    let text = (try? String(contentsOf: package.appending(path: "README.md"), encoding: .utf8)) ?? ""
    let section = text.components(separatedBy: "\n## What works of the specification\n").last ?? ""
    let lines = section.components(separatedBy: "\n## ")[0].split(separator: "\n")
    return lines.flatMap { line -> [(path: String, verdict: String)] in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 2, cells[0].hasPrefix("`") else { return [] }
      let paths = cells[0].components(separatedBy: ", ").map { $0.trimmingCharacters(in: ["`"]) }
      return paths.map { ($0, cells[1]) }
    }
  }()

  private func verdict(on path: String) -> String? {
    Self.table.filter { row in
      path == row.path || path.hasPrefix(row.path + ".") || path.hasPrefix(row.path + "[]")
    }.max { $0.path.count < $1.path.count }?.verdict
  }

  @Test("README says of each property whether it works, or why it is refused")
  func readme() throws {
    for property in Self.works {
      let verdict = self.verdict(on: property.schemaPath)
      #expect(verdict?.hasPrefix("works") == true, "\(property.schemaPath): \(verdict ?? "no row")")
    }
    for property in Self.refused {
      let verdict = try #require(
        self.verdict(on: property.path.replacing("[0]", with: "[]")), "\(property.path)")
      let reason = verdict.replacing("refused: ", with: "")
      let refusal = try self.refusal(Self.changed(property))
      #expect(verdict.hasPrefix("refused: "), "\(property.path): \(verdict)")
      #expect(
        refusal?.reason.hasPrefix(reason) == true,
        "\(property.path): \(verdict), but \(String(describing: refusal))")
    }
    let known = Set(specificationPaths.split { $0.isWhitespace }.map(String.init))
    for row in Self.table { #expect(known.contains(row.path), "no property: \(row.path)") }
  }
}
