extension Signal {
  /// The name as `signal(7)` has it, such as `SIGTERM`.
  public var name: String {
    switch rawValue {
    case 34...49: return rawValue == 34 ? "SIGRTMIN" : "SIGRTMIN+\(rawValue - 34)"
    case 50...64: return rawValue == 64 ? "SIGRTMAX" : "SIGRTMAX-\(64 - rawValue)"
    default:
      // Of two names for one signal, the one that sorts first is the usual one.
      guard let name = Self.names.filter({ $0.value == rawValue }).keys.min() else { return String(rawValue) }
      return "SIG\(name)"
    }
  }
}
