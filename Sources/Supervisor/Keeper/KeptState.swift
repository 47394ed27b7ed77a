import Linux

extension Keeper {
  /// A partition that runs.
  final class Kept {
    var partition: KeptPartition
    let output: OutputPump
    /// What leads to its standard input, unless that is its terminal.
    var input: FileDescriptor?
    /// What tells of its end when it is not this process' child.
    let adoption: Adoption?
    /// When it began here, by a clock that nobody sets.
    private let began = Clock.monotonic()

    /// For how many milliseconds it has run; `nil` for one that ran before.
    var ran: Int64? { adoption == nil ? (Clock.monotonic() - began) / 1_000_000 : nil }

    init(
      _ partition: KeptPartition, _ output: OutputPump, _ input: consuming FileDescriptor? = nil,
      _ adoption: Adoption? = nil
    ) {
      self.partition = partition
      self.output = output
      self.adoption = adoption
      self.input = input
    }
  }

  /// A worker, and what leads to it.
  struct Employed: ~Copyable {
    let socket: Socket
    let pid: Int32
  }

  /// A partition that is being started.
  final class Starting {
    /// What leads to the worker.
    var worker: Socket?
    /// The number of that.
    let number: Int32
    var output: OutputPump
    var input: FileDescriptor?
    /// The ends that came before it are not its own.
    let mark: UInt64
    /// When its worker was made, in nanoseconds since 1970.
    let began: Int64
    var hasTerminal = false
    /// Whether it is prepared, and not started.
    var waits = false
    /// Whether the worker can do more when it has done this.
    var leavesNoTraces = false
    /// The worker.
    let pid: Int32
    /// Whether it takes long.
    var isLong = false
    /// Whether somebody wants it to end.
    var isCutShort = false
    /// What is called when it takes long, and longer.
    var timer: EventLoop.Timer?
    init(
      _ worker: consuming Socket, pid: Int32, _ output: OutputPump, _ input: consuming FileDescriptor?,
      after mark: UInt64, began: Int64
    ) {
      self.pid = pid
      number = worker.descriptor.rawValue
      self.worker = consume worker
      self.mark = mark
      self.began = began
      self.output = output
      self.input = input
    }
  }
}
