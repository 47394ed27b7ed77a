import OCI

/// Rows of text in columns that line up, for a terminal.
struct Table {
  private var rows: [[String]]

  init(_ header: [String]) {
    rows = []
    add(header)
  }

  mutating func add(_ row: [String]) { rows.append(row.map(\.printable)) }

  /// The table, with two spaces between columns and none at the ends of lines.
  var text: String {
    let widths = widths
    var text = ""
    for row in rows {
      for (index, cell) in row.enumerated() {
        text += cell
        guard index < row.count - 1 else { continue }
        for _ in 0..<(widths[index] - Self.width(of: cell) + 2) { text += " " }
      }
      text += "\n"
    }
    return text
  }

  private var widths: [Int] {
    var widths: [Int] = []
    for row in rows {
      // What follows the last column needs no room.
      for (index, cell) in row.dropLast().enumerated() {
        if index == widths.count { widths.append(0) }
        widths[index] = max(widths[index], Self.width(of: cell))
      }
    }
    return widths
  }

  /// Most text is such that a byte is a character.
  private static func width(of cell: String) -> Int {
    cell.utf8.allSatisfy { $0 < 0x80 } ? cell.utf8.count : cell.count
  }
}
