extension RuntimeConfig {
  /// Checks what the types cannot say and needs no kernel: that values make sense, alone and together.
  public func validate() throws(ConfigError) {
  }
}
