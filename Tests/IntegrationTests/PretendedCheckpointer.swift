import Foundation
import Testing

/// A program in the place of `criu` that saves nothing, but notes what it is asked, for what a machine's own criu cannot do.
struct PretendedCheckpointer {
  let path: String
  private let requests: String

  init(in directory: String) throws {
    path = directory + "/criu"
    requests = directory + "/requests"
    try write(Self.program, to: path, mode: 0o755)
  }

  /// Command line options that name it.
  var options: [String] { ["--criu", path] }

  /// What comes before the program's own environment.
  func environment(failing log: String? = nil) -> [String: String] {
    var environment = ["CRIU_REQUESTS": requests]
    environment["CRIU_LOG"] = log
    return environment
  }

  /// The fields of all requests so far, such as `2.13=/root`: numbers of fields (criu, `images/rpc.proto`) and the value.
  var fields: [String] { (contents(requests) ?? "").lines }

  /// Whether a request had the field.
  func was(_ field: String) -> Bool { fields.contains(field) }

  private static let program = #"""
    #!/usr/bin/python3
    import os, socket, sys
    assert sys.argv[1] == 'swrk'
    service = socket.socket(fileno=int(sys.argv[2]))

    def number(data):
        value = shift = 0
        while True:
            byte = data.pop(0)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128: return value

    def fields(data, path=''):
        data, found = list(data), []
        while data:
            tag = number(data)
            name = path + str(tag >> 3)
            if tag & 7 == 0:
                found.append((name, str(number(data))))
                continue
            count = number(data)
            value, data = bytes(data[:count]), data[count:]
            if name in ('2', '5', '2.11', '2.23', '2.25', '2.27', '2.39'):
                inner = fields(value, name + '.')
                found += inner if name in ('2', '5') else [(name, ','.join(v for _, v in inner))]
            else:
                found.append((name, value.decode()))
        return found

    request = fields(service.recv(1 << 20))
    with open(os.environ['CRIU_REQUESTS'], 'a') as file:
        for name, value in request: print(name + '=' + value, file=file)
    given = dict(request)
    kind = int(given['1'])
    success = [8, kind, 16, 1]
    if kind == 9:
        service.send(bytes(success + [66, 4, 8, 1, 16, 1]))
    elif kind == 10:
        service.send(bytes(success + [82, 4, 8, 3, 16, 17]))
    else:
        if 'CRIU_LOG' in os.environ or kind == 2:
            with open('/proc/self/fd/%s/%s' % (given['2.17'], given['2.10']), 'w') as log:
                log.write(os.environ.get('CRIU_LOG', ''))
            service.send(bytes([8, kind, 16, 0]))
        else:
            service.send(bytes([8, 6, 16, 1, 42, 14, 10, 12]) + b'status-ready')
            service.recv(100)
            service.send(bytes(success))
    """#
}
