/// One log's file that is open for appending, as those know it who do not write to it themselves.
final class LogFile {
  /// Its number in the table of who does; -1 while it is being opened.
  var number: Int32 = -1
  /// How long it is, in bytes.
  var size = 0
  /// When it was last written to, compared with the others.
  var lastUse: UInt64 = 0
  /// Whose it is.
  unowned let owner: LogWriter

  init(_ owner: LogWriter) { self.owner = owner }
}
