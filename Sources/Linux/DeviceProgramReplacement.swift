import CLinux

extension DeviceProgram {
  /// Puts the program in force for the cgroup whose directory is `cgroup`, in place of the one that `attach` put there.
  ///
  /// There is no moment without either (`BPF_F_REPLACE`). Programs of others stay.
  public func replace(at cgroup: borrowing FileDescriptor) throws(Errno) {
    let program = try load()
    switch try Self.own(of: cgroup) {
    case .some(let former):
      switch program {
      case .some(let program):
        try making(.bpf) {
          linux_bpf_replace_device_program(cgroup.rawValue, program.rawValue, former.rawValue)
        }
      // Everything is allowed now.
      case .none:
        try making(.bpf) { linux_bpf_detach_device_program(cgroup.rawValue, former.rawValue) }
      }
    case .none:
      switch program {
      case .some(let program): try Self.attach(program, to: cgroup)
      case .none: return
      }
    }
  }

  /// The most programs that a cgroup can have (`BPF_CGROUP_MAX_PROGS`).
  private static let most = 64

  /// The program that is attached to the cgroup itself and was loaded by this program: it has its name.
  private static func own(of cgroup: borrowing FileDescriptor) throws(Errno) -> FileDescriptor? {
    var numbers = [UInt32](repeating: 0, count: most)
    let count = try making(.bpf) {
      linux_bpf_list_device_programs(cgroup.rawValue, &numbers, UInt32(numbers.count))
    }
    for number in numbers.prefix(Int(count)) {
      let raw = try making(.bpf) { linux_bpf_open_program(number) }
      let program = FileDescriptor(owning: Int32(raw))
      if try making(.bpf, { linux_bpf_is_own_program(program.rawValue) }) == 1 { return program }
    }
    return nil
  }
}
