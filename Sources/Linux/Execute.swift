import Glibc

/// Makes this process the program `arguments[0]`, looked for as a shell does, with this process's environment
/// (`execvp(3)`). Returns only when that cannot be.
public func execute(_ arguments: [String]) -> Errno {
  var pointers = arguments.map { strdup($0) }
  defer { for pointer in pointers { free(pointer) } }
  pointers.append(nil)
  guard let first = pointers[0] else { return .invalidArgument }
  execvp(first, pointers)
  return Errno.current
}

/// Makes this process the program at `path`, with `arguments` from number 0 and this process's environment (`execv(3)`).
/// Returns only when that cannot be.
public func execute(_ path: String, _ arguments: [String]) -> Errno {
  let list = CStringArray(arguments)
  execv(path, list.pointers)
  return Errno.current
}

/// Makes this process the program at `path`, with `arguments` from number 0 and `environment` (`execve(2)`). Returns only
/// when that cannot be.
public func execute(_ path: String, _ arguments: [String], environment: [String]) -> Errno {
  let list = CStringArray(arguments)
  let variables = CStringArray(environment)
  execve(path, list.pointers, variables.pointers)
  return Errno.current
}

/// Makes this process the leader of a process group of its own, in the foreground of its terminal if it has one:
/// what is typed there to interrupt reaches this group alone (`setpgid(2)`, `tcsetpgrp(3)`).
///
/// `SIGTTOU` must be blocked.
public func leadForeground() throws(Errno) {
  try once { setpgid(0, 0) }
  // Without a terminal there is no foreground.
  tcsetpgrp(0, getpid())
}
