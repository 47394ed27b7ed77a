extension Endpoint {
  /// What is to be said of one of a kind of which there are none; `nil` where it is not asked for one. `docker inspect` asks
  /// for each kind in turn, and goes on only where there is none of that name.
  static func absent(_ method: String, _ path: [String]) -> APIError? {
    switch (method, path.first, path.count) {
    case ("GET", "volumes"?, 2), ("DELETE", "volumes"?, 2): .notFound("get \(path[1]): no such volume")
    case ("GET", "plugins"?, 3) where path[2] == "json": .notFound("plugin \"\(path[1])\" not found")
    default: nil
    }
  }

  /// What the API's description has at this path, and is not offered; `nil` when it has nothing there.
  static func unoffered(_ method: String, _ path: [String]) -> String? {
    switch (path.first, path.count) {
    case ("build"?, _): "building images"
    case ("commit"?, 1): "making images of containers"
    case ("auth"?, 1): "logging in to registries"
    case ("session"?, 1), ("grpc"?, 1): "the builder's session"
    case ("distribution"?, _): "asking registries"
    case ("swarm"?, _), ("nodes"?, _), ("services"?, _), ("tasks"?, _), ("secrets"?, _), ("configs"?, _):
      "swarm mode"
    case ("plugins"?, _): "managing plugins"
    case ("volumes"?, _): "managing volumes"
    case ("networks"?, _): method == "GET" ? nil : "managing networks"
    case ("images"?, let count): count > 1 ? images(method, path) : nil
    case ("containers"?, let count): count > 2 ? containers(method, path) : nil
    default: nil
    }
  }

  private static func images(_ method: String, _ path: [String]) -> String? {
    switch (method, path.last) {
    case ("POST", "create"?): "pulling images (host is the only one)"
    case ("POST", "load"?): "loading images"
    case ("POST", "push"?): "pushing images"
    case ("POST", "tag"?): "naming images"
    case ("DELETE", _): "removing images"
    case ("GET", "search"?): "searching for images"
    case ("GET", "get"?): "saving images"
    default: nil
    }
  }

  private static func containers(_ method: String, _ path: [String]) -> String? {
    switch (method, path.count, path[2]) {
    case ("GET", 3, "export"): "exporting containers"
    case ("POST", 3, "copy"): "the old way of copying"
    case ("GET", 4, "attach"): "attaching by WebSocket"
    case (_, _, "checkpoints"): "making checkpoints"
    default: nil
    }
  }
}
