import Glibc
import Linux

/// What a service tells the program that started it (`sd_notify(3)`); nothing where nobody asked for it.
public enum ServiceNotification {
  /// Says `state`, such as `READY=1`.
  public static func send(_ state: String) {
    guard let path = environment("NOTIFY_SOCKET") else { return }
    try? Socket.sendDatagram(Array(state.utf8), to: path)
  }

  /// Within so many milliseconds it must be told `WATCHDOG=1` again; `nil` when it does not watch.
  public static var watchdogInterval: Int64? {
    guard let text = environment("WATCHDOG_USEC"), let microseconds = Int64(text), microseconds > 0 else {
      return nil
    }
    if let pid = environment("WATCHDOG_PID"), pid != String(ProcessControl.pid) { return nil }
    return max(1, microseconds / 1000)
  }

  private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
