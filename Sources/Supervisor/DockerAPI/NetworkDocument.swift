import OCI

/// The networks that there are: a container is in one of its own, or in the host's.
public enum NetworkDocument {
  private static let ids = [
    "none": "140bedbf9c3f6d56a9846d2ba7088798683f4da0c248231336e6a05679e4fdfe",
    "host": HostImage.digest,
  ]

  /// The list of networks (`GET /networks`) that pass `filters`.
  ///
  /// - Throws: `APIError` for a filter that there is not.
  public static func list(filters text: String?) throws(APIError) -> JSON {
    let filters = try Filters(text, known: ["name", "id", "driver", "type", "scope", "label", "dangling"])
    let names = ["none", "host"].filter { name in
      filters.any("name") { APIText.contains($0, name) }
        && filters.any("id") { ids[name]?.hasPrefix($0) == true }
        && filters.any("driver") { $0 == driver(of: name) } && filters.any("type") { $0 == "builtin" }
        && filters.any("scope") { $0 == "local" } && filters.any("dangling") { ["0", "false"].contains($0) }
        && filters.passes(labels: [:])
    }
    return .array(names.map(document))
  }

  /// One network (`GET /networks/{id}`).
  ///
  /// - Throws: `APIError` when there is none of that name or id.
  public static func inspection(_ reference: String) throws(APIError) -> JSON {
    for name in ["none", "host"] where isMeant(name, by: reference) { return document(name) }
    throw .notFound("network \(reference) not found")
  }

  /// Whether `reference` is the name of the network `name`, or its id.
  static func isMeant(_ name: String, by reference: String) -> Bool {
    reference == name || reference == ids[name]
  }

  private static func driver(of name: String) -> String { name == "host" ? "host" : "null" }

  private static func document(_ name: String) -> JSON {
    .members([
      "Name": .string(name), "Id": .string(ids[name] ?? ""), "Created": .string(APIText.time(nil)),
      "Scope": .string("local"), "Driver": .string(driver(of: name)), "EnableIPv6": .bool(false),
      "IPAM": .members(["Driver": .string("default"), "Options": .null, "Config": .array([])]),
      "Internal": .bool(false), "Attachable": .bool(false), "Ingress": .bool(false),
      "ConfigFrom": .members(["Network": .string("")]), "ConfigOnly": .bool(false), "Containers": .nothing,
      "Options": .nothing, "Labels": .nothing,
    ])
  }

  /// A container's place in the network called `name` (`EndpointSettings`).
  static func endpoint(of name: String) -> JSON {
    .members([
      "IPAMConfig": .null, "Links": .null, "Aliases": .null, "NetworkID": .string(ids[name] ?? ""),
      "EndpointID": .string(""), "Gateway": .string(""), "IPAddress": .string(""), "IPPrefixLen": .integer(0),
      "IPv6Gateway": .string(""), "GlobalIPv6Address": .string(""), "GlobalIPv6PrefixLen": .integer(0),
      "MacAddress": .string(""), "DriverOpts": .null,
    ])
  }
}
