import Linux

extension SystemCallFilter {
  /// Refuses `add_key`, `request_key` and `keyctl` with `EPERM`: a user's keyring goes by the user's number, and of all
  /// namespaces only one of users parts it from the host's (`keyrings(7)`).
  ///
  /// A call in an architecture that is not known kills the process.
  static let keyrings = SystemCallFilter(
    SystemCallRules(
      defaultAction: .allow,
      rules: ["add_key", "request_key", "keyctl"].compactMap { name in
        SystemCallName(name).map { .init($0, .errno(UInt32(Errno.notPermitted.rawValue))) }
      }))
}
