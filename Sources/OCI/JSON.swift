/// A JSON value (RFC 8259).
///
/// Whole numbers stay whole, as OCI documents hold both `int64` and `uint64` values.
public enum JSON: Equatable, Sendable {
  /// `null`
  case null
  /// `true` or `false`
  case bool(Bool)
  /// A whole number that `Int64` holds.
  case integer(Int64)
  /// A whole number beyond `Int64.max` that `UInt64` holds. Smaller ones are `integer`.
  case unsigned(UInt64)
  /// A number with a fraction or an exponent. Finite when it comes from the parser.
  case double(Double)
  /// Text. Always valid UTF-8; may hold NUL.
  case string(String)
  /// A list of values.
  case array([JSON])
  /// Named values.
  case object(Object)

  /// A whole number in the one case that stands for it.
  public init(_ number: some BinaryInteger & Sendable) {
    if let integer = Int64(exactly: number) {
      self = .integer(integer)
    } else if let unsigned = UInt64(exactly: number) {
      self = .unsigned(unsigned)
    } else {
      self = .double(Double(number))
    }
  }

  /// What a person calls this kind of value: "a string", "an object" …
  var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .unsigned, .double: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

extension JSON {
  /// Named values, in the order of the document. No two have the same name.
  ///
  /// Names that Unicode holds to be equivalent are the same name, as for any Swift string.
  public struct Object: Equatable, Sendable {
    /// One name and its value.
    public struct Member: Equatable, Sendable {
      /// The name.
      public let key: String
      /// The value.
      public let value: JSON
    }

    /// The members, in order.
    public private(set) var members: [Member] = []

    /// An object with no members.
    public init() {}

    /// The members given, whose names the caller knows to be distinct.
    init(distinct members: [Member]) {
      self.members = members
    }

    /// The value of that name. Setting `nil` removes the member; a new name goes to the end.
    public subscript(key: String) -> JSON? {
      get {
        for member in members where member.key == key { return member.value }
        return nil
      }
      set {
        let index = members.firstIndex { $0.key == key }
        switch (index, newValue) {
        case (let index?, let value?): members[index] = Member(key: key, value: value)
        case (let index?, nil): members.remove(at: index)
        case (nil, let value?): members.append(Member(key: key, value: value))
        case (nil, nil): break
        }
      }
    }
  }
}
