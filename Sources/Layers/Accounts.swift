import OCI

/// The user and group databases of a file tree (`passwd(5)`, `group(5)`).
public struct Accounts: Sendable {
  private let users: [[Substring]]
  private let groups: [[Substring]]

  /// The databases whose files have these contents. A line that is not one of theirs is no user or group.
  public init(passwd: String, group: String) {
    func lines(_ text: String, fields: Int) -> [[Substring]] {
      text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
        .filter { $0.count >= fields }
    }
    users = lines(passwd, fields: 4)
    groups = lines(group, fields: 3)
  }

  /// The user that `text` names: `USER` or `USER:GROUP`, each a name or a number. A user without a group named has the
  /// groups of the databases; a number that they do not know is of group 0.
  ///
  /// - Throws: `LayerError` of the kind `.invalid` for a name that the databases do not have.
  public func user(_ text: String) throws(LayerError) -> RuntimeConfig.User {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts.first ?? ""
    func wrong(_ reason: String) -> LayerError { LayerError(.invalid, "user \(text): \(reason)") }
    guard !name.isEmpty, parts.count == 1 || !parts[1].isEmpty else {
      throw wrong("must be USER or USER:GROUP")
    }
    let entry = users.first { $0[0] == name } ?? users.first { UInt32($0[2]) == UInt32(name) }
    var user = RuntimeConfig.User()
    if let entry, let uid = UInt32(entry[2]), let gid = UInt32(entry[3]) {
      user = RuntimeConfig.User(uid: uid, gid: gid)
    } else if let uid = UInt32(name) {
      user = RuntimeConfig.User(uid: uid, gid: 0)
    } else {
      throw wrong("the partition's /etc/passwd has no user \"\(name)\"; give the number")
    }
    guard parts.count == 2 else {
      if let entry { user.additionalGids = memberships(of: entry[0], besides: user.gid) }
      return user
    }
    if let gid = gid(of: parts[1]) {
      user.gid = gid
      return user
    }
    throw wrong("the partition's /etc/group has no group \"\(parts[1])\"; give the number")
  }

  /// `user` in `others` as well, each a name or a number of a group.
  ///
  /// - Throws: `LayerError` of the kind `.invalid` for a name that the databases do not have.
  func user(_ user: RuntimeConfig.User, in others: [String]) throws(LayerError) -> RuntimeConfig.User {
    var user = user
    for other in others {
      guard let gid = gid(of: Substring(other)) else {
        throw LayerError(
          .invalid, "group \(other): the partition's /etc/group has no group \"\(other)\"; give the number")
      }
      if !user.additionalGids.contains(gid) { user.additionalGids.append(gid) }
    }
    return user
  }

  /// The number of a group.
  private func gid(of group: Substring) -> UInt32? {
    groups.first { $0[0] == group }.flatMap { UInt32($0[2]) } ?? UInt32(group)
  }

  private func memberships(of user: Substring, besides primary: UInt32) -> [UInt32] {
    var gids: [UInt32] = []
    for group in groups where group.count > 3 && group[3].split(separator: ",").contains(user) {
      if let gid = UInt32(group[2]), gid != primary, !gids.contains(gid) { gids.append(gid) }
    }
    return gids
  }
}
