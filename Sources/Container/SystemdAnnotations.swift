import OCI

/// Properties of a container's systemd unit that its configuration has as annotations, such as
/// `org.systemd.property.TimeoutStopUSec`.
enum SystemdAnnotations {
  /// What comes before a property's name.
  static let prefix = "org.systemd.property."

  /// Properties that the container's configuration decides in another way.
  private static let taken = ["PIDs", "Slice", "Scope"]

  /// The properties in `annotations`. A name that ends in `Sec`, as in unit files, is the one in microseconds on the bus.
  ///
  /// - Throws: `ContainerError` with the annotation when that is no property.
  static func properties(in annotations: NamedValues<String>) throws(ContainerError) -> [SystemdProperty] {
    var properties: [SystemdProperty] = []
    for annotation in annotations.elements where annotation.name.hasPrefix(prefix) {
      func refuse(_ reason: String) -> ContainerError {
        .config("annotations[\"\(annotation.name)\"]", reason)
      }
      var name = String(annotation.name.dropFirst(prefix.utf8.count))
      guard name.utf8.count >= 3, name.utf8.allSatisfy(isLetter) else {
        throw refuse("\"\(name)\" is not the name of a property: it has letters only, three at least")
      }
      guard !taken.contains(name) else { throw refuse("is for linux.cgroupsPath to say") }
      guard var value = SystemdValue(annotation.value) else {
        throw refuse(
          "\(annotation.value) is not a value in the format of GVariant, such as true, 'text', uint64 5 or @as []"
        )
      }
      let stem = name.utf8.dropLast(3)
      if name.hasSuffix("Sec"), let last = stem.last, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(last) {
        guard let microseconds = value.microseconds else {
          throw refuse("\(annotation.value) is not a number of seconds")
        }
        name = "\(name.dropLast(3))USec"
        value = microseconds
      }
      properties.removeAll { $0.name == name }
      properties.append(SystemdProperty(name, value.type, value.words))
    }
    return properties
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    default: false
    }
  }
}
