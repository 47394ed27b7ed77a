import Foundation
import Testing

/// A `config.json` that a test alters by dotted path: `config["process.args"] = ["true"]`.
struct Config {
  var object: [String: Any]

  subscript(path: String) -> Any? {
    get {
      var value: Any? = object
      for key in path.split(separator: ".") { value = (value as? [String: Any])?[String(key)] }
      return value
    }
    set {
      object = Self.replacing(path.split(separator: ".").map(String.init)[...], in: object, with: newValue)
    }
  }

  private static func replacing(
    _ path: ArraySlice<String>, in object: [String: Any], with value: Any?
  ) -> [String: Any] {
    guard let key = path.first else { return object }
    var object = object
    let rest = path.dropFirst()
    if rest.isEmpty {
      object[key] = value
    } else {
      object[key] = replacing(rest, in: object[key] as? [String: Any] ?? [:], with: value)
    }
    return object
  }

  mutating func append(_ value: Any, to path: String) {
    self[path] = (self[path] as? [Any] ?? []) + [value]
  }

  mutating func mount(
    _ destination: String, type: String? = nil, source: String? = nil, _ options: [String] = []
  ) {
    var mount: [String: Any] = ["destination": destination, "options": options]
    mount["type"] = type
    mount["source"] = source
    append(mount, to: "mounts")
  }

  mutating func unmount(_ destination: String) {
    let mounts = self["mounts"] as? [[String: Any]] ?? []
    self["mounts"] = mounts.filter { $0["destination"] as? String != destination }
  }

  /// A new namespace, or with a path an existing one.
  mutating func enter(_ type: String, path: String? = nil) {
    leave(type)
    var namespace = ["type": type]
    namespace["path"] = path
    append(namespace, to: "linux.namespaces")
  }

  /// The host's namespace.
  mutating func leave(_ type: String) {
    let namespaces = self["linux.namespaces"] as? [[String: Any]] ?? []
    self["linux.namespaces"] = namespaces.filter { $0["type"] as? String != type }
  }

  mutating func shell(_ script: String) { self["process.args"] = ["/bin/sh", "-c", script] }

  /// A user namespace where 0…65535 are the host's 100000…165535.
  mutating func mapUsers() {
    enter("user")
    let map = [["containerID": 0, "hostID": 100_000, "size": 65536]]
    self["linux.uidMappings"] = map
    self["linux.gidMappings"] = map
  }

  var data: Data {
    get throws { try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted]) }
  }
}
