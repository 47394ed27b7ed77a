import Linux
import OCI

/// A bundle's configuration, and the file's content that says the same.
public struct BundleConfig: Sendable {
  /// The configuration.
  public let config: RuntimeConfig
  /// The content of `config.json`.
  public let bytes: [UInt8]

  /// A configuration that is about to be written.
  public init(_ config: RuntimeConfig) {
    self.config = config
    bytes = config.json.bytes()
  }

  /// Reads the file at `path`.
  init(at path: String) throws(ContainerError) {
    do throws(Errno) { bytes = try File.read(path, limit: 16 << 20) } catch {
      throw ContainerError("read \(path)", error)
    }
    do throws(ConfigError) { config = try RuntimeConfig(parsing: bytes) } catch {
      throw ContainerError(.invalidConfig, "\(path): \(error)")
    }
  }
}
