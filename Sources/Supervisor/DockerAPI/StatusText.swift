extension PartitionStatus {
  /// The state as the API calls it.
  var apiState: String {
    switch state {
    case .created, .running, .paused, .restarting, .exited, .removing: state.rawValue
    case .crashLoop: "exited"
    }
  }

  /// Whether the API calls it running: it does so for what is paused or is going to be started again.
  var isUp: Bool {
    switch state {
    case .running, .paused, .restarting: true
    case .created, .exited, .crashLoop, .removing: false
    }
  }

  /// What it does and for how long, as `docker ps` words it.
  ///
  /// - Parameter now: nanoseconds since 1970.
  public func text(now: Int64) -> String {
    let status = exitStatus ?? 0
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
    case .running:
      switch health {
      case .starting?: return "Up \(sinceStart) (health: starting)"
      case .healthy?, .unhealthy?: return "Up \(sinceStart) (\(health?.rawValue ?? ""))"
      case nil: return "Up \(sinceStart)"
      }
    }
  }
}
