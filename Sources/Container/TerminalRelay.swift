import Linux

/// Passes bytes between the caller's standard streams and a container's terminal.
struct TerminalRelay: ~Copyable {
  private let master: FileDescriptor
  /// The settings of the caller's terminal, while it is in raw mode.
  private var saved: TerminalSettings?
  private let readsInput: Bool

  /// Puts the caller's terminal, if it is at one and in its foreground, into raw mode until this goes.
  init(_ master: borrowing FileDescriptor, readsInput: Bool) throws(ContainerError) {
    self.readsInput = readsInput
    self.master = try attempt("copy the terminal") { () throws(Errno) in
      let copy = try master.duplicate()
      try copy.setNonBlocking()
      return copy
    }
    saved = nil
    enterRawMode()
  }

  /// A shell gives its terminal to one of its jobs at a time; the settings are the job's while it has it.
  private mutating func enterRawMode() {
    guard saved == nil, CallersTerminal.isInForeground, let settings = try? TerminalSettings(of: 0) else {
      return
    }
    saved = settings
    try? settings.raw.apply(to: 0)
  }

  deinit {
    if let saved { try? saved.apply(to: 0) }
  }

  mutating func run(
    _ process: borrowing Pidfd, _ signals: borrowing SignalQueue, _ watch: inout OutOfMemoryWatch
  ) throws(Errno) -> ExitStatus {
    let input = try FileDescriptor.duplicate(of: 0)
    let output = try FileDescriptor.duplicate(of: 1)
    var toContainer = Backlog()
    var toCaller = Backlog()
    var inputIsOpen = readsInput
    // A background process may not read from its terminal until it is resumed in the foreground.
    var inputRests = false
    var masterIsOpen = true
    var exit: ExitStatus?
    // A process left behind may also write for ever. This many reads are more than a terminal keeps.
    var rest = 256
    while true {
      if let exit, !masterIsOpen, toCaller.isEmpty { return exit }
      let takesInput = inputIsOpen && !inputRests && toContainer.isEmpty
      var entries = [
        PollEntry(signals.descriptor.rawValue, .readable),
        PollEntry(exit == nil ? process.descriptor.rawValue : -1, .readable),
        PollEntry(takesInput ? input.rawValue : -1, .readable),
        PollEntry(masterIsOpen ? master.rawValue : -1, masterEvents(toContainer, toCaller)),
        watch.entry,
        PollEntry(toCaller.isEmpty ? -1 : output.rawValue, .writable),
      ]
      // Once the process has ended, what it wrote is there to be read; a process that it left behind may keep the
      // terminal open for ever.
      let ready = try poll(&entries, milliseconds: exit == nil || !toCaller.isEmpty ? nil : 0)
      if let exit, !ready, toCaller.isEmpty { return exit }
      if !entries[4].events.isEmpty { watch.look() }
      if !entries[0].events.isEmpty, try handleSignals(signals, process) {
        enterRawMode()
        inputRests = false
      }
      if !entries[1].events.isEmpty { exit = try process.wait() }
      if !entries[2].events.isEmpty {
        do throws(Errno) { inputIsOpen = try toContainer.fill(from: input) } catch {
          // A read error is the end of the input, unless this process is in the background of the terminal.
          inputRests = error == .ioError && input.isTerminal && !CallersTerminal.isInForeground
          inputIsOpen = inputRests
        }
        // A terminal has no end; what a person would type there tells the program that nothing more comes.
        if !inputIsOpen { toContainer = Backlog([0x04]) }
      }
      if !entries[3].events.isDisjoint(with: [.readable, .hungUp, .failed]), toCaller.isEmpty {
        // The kernel says EIO when nobody has the other side open any more.
        masterIsOpen = (try? toCaller.fill(from: master)) ?? false
        if exit != nil {
          rest -= 1
          if rest == 0 { masterIsOpen = false }
        }
      }
      if !toContainer.isEmpty, masterIsOpen { try? toContainer.drain(to: master) }
      // Signals are to be passed on also while nobody takes the output.
      if !entries[5].events.isEmpty {
        do throws(Errno) { try toCaller.drain(to: output) } catch .resourceTemporarilyUnavailable {} catch {
          toCaller = Backlog()
        }
      }
    }
  }

  private func masterEvents(_ toContainer: borrowing Backlog, _ toCaller: borrowing Backlog)
    -> PollEntry.Events
  {
    var events: PollEntry.Events = []
    if toCaller.isEmpty { events.insert(.readable) }
    if !toContainer.isEmpty { events.insert(.writable) }
    return events
  }

  /// - Returns: whether this process was resumed.
  private func handleSignals(
    _ signals: borrowing SignalQueue, _ process: borrowing Pidfd
  ) throws(Errno) -> Bool {
    var isResumed = false
    while let signal = try signals.next() {
      if signal == .resume { isResumed = true }
      if signal == .windowChange { resize() } else { try signal.forward(to: process) }
    }
    return isResumed
  }

  private func resize() {
    if let size = CallersTerminal.size() { try? master.setTerminalSize(size) }
  }
}

/// Bytes that were read and not yet written.
private struct Backlog: ~Copyable {
  private var bytes: [UInt8] = []
  private var written = 0

  init(_ bytes: [UInt8] = []) { self.bytes = bytes }

  var isEmpty: Bool { written == bytes.count }

  /// Reads once.
  ///
  /// - Returns: whether there was anything before the end.
  mutating func fill(from source: borrowing FileDescriptor) throws(Errno) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 32 << 10)
    let count: Int
    do throws(Errno) {
      count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
        try source.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
    } catch .resourceTemporarilyUnavailable {
      return true
    }
    bytes = Array(buffer[..<count])
    written = 0
    return count > 0
  }

  /// Writes as much as a pipe that has room takes without waiting (`PIPE_BUF`).
  mutating func drain(to destination: borrowing FileDescriptor) throws(Errno) {
    let rest = bytes[written...].prefix(4096)
    written += try rest.withUnsafeBufferPointer { (buffer) throws(Errno) in
      try destination.write(from: UnsafeRawBufferPointer(buffer))
    }
  }
}
