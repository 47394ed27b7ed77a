import Glibc

/// A point in time on the calendar and the clock of this machine (`localtime(3)`).
public struct LocalTime: Equatable, Sendable {
  /// The year, such as 2026.
  public let year: Int
  /// The day of the year, from 0.
  public let yearDay: Int
  /// The month, from 1.
  public let month: Int
  /// The day of the month, from 1.
  public let day: Int
  /// The hour, from 0.
  public let hour: Int
  /// The minute, from 0.
  public let minute: Int

  /// So many seconds after the beginning of 1970.
  public init(seconds: Int64) {
    var time = time_t(seconds)
    var parts = tm()
    localtime_r(&time, &parts)
    year = Int(parts.tm_year) + 1900
    yearDay = Int(parts.tm_yday)
    month = Int(parts.tm_mon) + 1
    day = Int(parts.tm_mday)
    hour = Int(parts.tm_hour)
    minute = Int(parts.tm_min)
  }
}
