/// Names for containers that nobody has named.
public enum GeneratedName {
  private static let adjectives = [
    "able", "amber", "ample", "brave", "brisk", "bright", "calm", "candid", "clever", "crisp", "eager",
    "early",
    "fair", "fleet", "fond", "gentle", "glad", "golden", "grand", "handy", "hardy", "honest", "jolly", "keen",
    "kind", "lively", "lucid", "mellow", "merry", "modest", "nimble", "patient", "plucky", "polite", "prime",
    "proud", "quick", "quiet", "rapid", "ready", "serene", "sharp", "silent", "silver", "smooth", "solid",
    "spry", "steady", "stout", "sturdy", "sunny", "tidy", "trusty", "upbeat", "vivid", "warm", "wise",
    "witty",
  ]

  private static let nouns = [
    "alder", "aspen", "badger", "beech", "birch", "bison", "bunting", "cedar", "crane", "cypress", "dipper",
    "egret", "elm", "falcon", "fern", "finch", "fox", "gannet", "hare", "hazel", "heron", "ibis", "jay",
    "kestrel", "larch", "lark", "linden", "lynx", "maple", "marten", "martin", "oak", "osprey", "otter",
    "owl",
    "petrel", "pine", "plover", "poplar", "puffin", "raven", "robin", "rowan", "sable", "shrike", "siskin",
    "spruce", "stork", "swallow", "swan", "swift", "tern", "thrush", "vole", "willow", "wren", "yew",
  ]

  /// A name that nobody has: an adjective and a noun, after a few that are taken with a number as well.
  public static func free(
    using random: inout some RandomNumberGenerator, isTaken: (String) -> Bool
  ) -> String {
    var tries = 0
    while true {
      let adjective = adjectives[Int.random(in: 0..<adjectives.count, using: &random)]
      let noun = nouns[Int.random(in: 0..<nouns.count, using: &random)]
      let number = tries < 8 ? "" : String(UInt32.random(in: 0...UInt32.max, using: &random), radix: 16)
      let name = "\(adjective)_\(noun)\(number)"
      if !isTaken(name) { return name }
      tries += 1
    }
  }

  /// 64 hexadecimal digits that nothing else has.
  public static func id() -> String {
    var random = SystemRandomNumberGenerator()
    return id(using: &random)
  }

  /// 64 hexadecimal digits.
  public static func id(using random: inout some RandomNumberGenerator) -> String {
    var text = ""
    for _ in 0..<4 {
      let digits = String(UInt64.random(in: 0...UInt64.max, using: &random), radix: 16)
      text += String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
    return text
  }
}
