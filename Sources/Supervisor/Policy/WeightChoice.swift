/// The weight of a partition by what it demands: doubled while it works or waits for processors much of the time, halved
/// while it does next to nothing, within bounds.
struct WeightChoice {
  /// What was demanded in the time between two looks.
  struct Demand: Equatable {
    /// How many processors it has used.
    var used: Double
    /// For what part of the time some of its work waited for a processor, from 0 to 1.
    var waited: Double

    /// Whether next to nothing was.
    var isLittle: Bool { used + waited <= WeightChoice.little }
  }

  /// What is decided.
  struct Decision: Equatable {
    let weight: Int
    let reason: String
  }

  /// From this demand on it is more, up to that less.
  static let much = 0.5
  static let little = 0.05

  /// The weight within `bounds` for one that is elsewhere; `nil` when it is not.
  static func confine(_ weight: Int, to bounds: ClosedRange<Int>) -> Decision? {
    let within = min(max(weight, bounds.lowerBound), bounds.upperBound)
    guard within != weight else { return nil }
    return Decision(
      weight: within, reason: "its weight is to be \(bounds.lowerBound) to \(bounds.upperBound)")
  }

  /// The weight to come after `weight`; `nil` for the same.
  static func decide(_ weight: Int, in bounds: ClosedRange<Int>, _ demand: Demand) -> Decision? {
    if let decision = confine(weight, to: bounds) { return decision }
    let total = demand.used + demand.waited
    let next: Int
    if total >= much {
      next = min(weight * 2, bounds.upperBound)
    } else if demand.isLittle {
      next = max(weight / 2, bounds.lowerBound)
    } else {
      return nil
    }
    if next == weight { return nil }
    return Decision(
      weight: next,
      reason:
        "it used \(percent(demand.used)) of a processor and waited for one \(percent(demand.waited)) of the time"
    )
  }

  private static func percent(_ share: Double) -> String {
    "\(Int(max(0, min(share, 100_000)) * 100 + 0.5))%"
  }
}
