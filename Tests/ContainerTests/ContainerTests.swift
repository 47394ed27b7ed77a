import Testing
@testable import Container
