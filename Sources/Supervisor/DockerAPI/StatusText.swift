extension PartitionStatus {
  /// The state as the API calls it.
  var apiState: String {
    switch state {
    case .created, .running, .paused, .restarting, .exited, .removing, .dead: state.rawValue
    case .crashLoop: "exited"
    }
  }

  /// Whether the API calls it running.
  var isUp: Bool { state.isUp }

  /// What is told for the exit status of one whose end nobody has seen, as containerd does.
  static let unknownStatus: Int32 = 255

  /// How it ended, as a shell would say it: `unknownStatus` when nobody has seen that, which is no success; 0 when it has
  /// not ended.
  var shellStatus: Int32 {
    // What runs has not ended, whatever came of its last run.
    if state == .running || state == .paused { return 0 }
    if let exitStatus { return exitStatus }
    switch state {
    case .exited, .restarting, .crashLoop, .removing, .dead:
      return started == nil && plain == nil ? 0 : Self.unknownStatus
    case .created, .running, .paused: return 0
    }
  }

  /// What it does and for how long, as `docker ps` words it.
  ///
  /// - Parameter now: nanoseconds since 1970.
  public func text(now: Int64) -> String {
    let status = shellStatus
    let sinceStart = APIText.span(nanoseconds: now - (started ?? now))
    let sinceEnd = APIText.span(nanoseconds: now - (finished ?? now))
    switch state {
    case .created: return "Created"
    case .paused: return "Up \(sinceStart) (Paused)"
    case .restarting: return "Restarting (\(status)) \(sinceEnd) ago"
    // Nobody has seen that.
    case .exited where plain != nil: return "Exited"
    case .exited: return started == nil ? "Created" : "Exited (\(status)) \(sinceEnd) ago"
    case .crashLoop: return "Exited (\(status)) \(sinceEnd) ago (crash loop)"
    case .removing: return "Removal In Progress"
    case .dead: return "Dead"
    case .running:
      switch health {
      case .starting?: return "Up \(sinceStart) (health: starting)"
      case .healthy?, .unhealthy?: return "Up \(sinceStart) (\(health?.rawValue ?? ""))"
      case nil: return "Up \(sinceStart)"
      }
    }
  }
}

extension PartitionStatus.State {
  /// Whether the API calls it running: it does so for what is paused or is going to be started again.
  var isUp: Bool {
    switch self {
    case .running, .paused, .restarting: true
    case .created, .exited, .crashLoop, .removing, .dead: false
    }
  }
}
