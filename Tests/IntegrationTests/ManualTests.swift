import Foundation
import Testing

/// The pages in man against what the program itself says.
@Suite("The manual")
struct ManualTests {
  /// The commands that `--help` lists.
  static let commands: [String] = {
    guard let help = try? Program(Swiftjail.program, ["--help"]).call() else { return [] }
    let lines = help.text.components(separatedBy: "\n")
    return lines.drop { $0 != "Commands:" }.dropFirst().prefix { !$0.isEmpty }.compactMap { $0.words.first }
  }()

  static let pages = ["swiftjail"] + commands.map { "swiftjail-" + $0 }

  func text(_ page: String) throws -> String {
    guard let text = contents("\(package)/man/\(page).8") else { throw Broken("there is no man/\(page).8") }
    return text
  }

  /// The options, with their letters, in lines such as `-f, --force  end it first`.
  func options(inHelp words: [String]) throws -> Set<String> {
    let help = try Program(Swiftjail.program, words + ["--help"]).call()
    guard help.status == 0 else { throw Broken(help.description) }
    let lines = help.text.components(separatedBy: "\n").drop { $0 != "Options:" }.dropFirst()
    var options: Set<String> = []
    for line in lines where !line.isEmpty {
      let dashed = line.words.prefix { $0.hasPrefix("-") }
      options.formUnion(dashed.map { $0.trimmingCharacters(in: [","]) })
    }
    return options
  }

  /// The options in lines such as `.It Fl f , Fl -force`.
  func options(inPage page: String) throws -> Set<String> {
    var options: Set<String> = []
    for line in try text(page).lines where line.hasPrefix(".It Fl ") {
      let words = line.words
      for (index, word) in words.enumerated() where word == "Fl" && index + 1 < words.count {
        options.insert("-" + words[index + 1])
      }
    }
    return options
  }

  @Test("The pages are those of the program and its commands, and no others")
  func allPages() throws {
    #expect(Self.commands.count >= 14)
    let files = try FileManager.default.contentsOfDirectory(atPath: package + "/man")
    #expect(Set(files) == Set(Self.pages.map { $0 + ".8" }))
  }

  @Test("A page has every option that --help has, and no other", arguments: pages)
  func options(of page: String) throws {
    let command = page == "swiftjail" ? [] : [String(page.dropFirst("swiftjail-".count))]
    let inHelp = try options(inHelp: command)
    let inPage = try options(inPage: page)
    #expect(inHelp.contains("--help"))
    #expect(inHelp.subtracting(inPage).isEmpty, "not in man/\(page).8")
    #expect(inPage.subtracting(inHelp).isEmpty, "in man/\(page).8 alone")
  }

  @Test("A page says what its command does in the words of --help", arguments: commands)
  func summary(of command: String) throws {
    let first = try #require(Program(Swiftjail.program, [command, "--help"]).call().lines.first)
    let page = try text("swiftjail-\(command)").lines
    let summary = try #require(page.first { $0.hasPrefix(".Nd ") }).dropFirst(4)
    #expect(first.lowercased() == summary.lowercased() + ".")
  }

  @Test("A page has examples, an exit status and what else to read", arguments: pages)
  func sections(of page: String) throws {
    let lines = try text(page).lines
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
      #expect(lines.contains(".Sh " + section), "\(section)")
    }
  }

  @Test("The first page refers to all others, and no page to one that is not there")
  func references() throws {
    for page in Self.pages {
      let referred = try text(page).lines.filter { $0.contains("Xr swiftjail") }.flatMap { line in
        line.words.filter { $0.hasPrefix("swiftjail") }
      }
      #expect(Set(referred).isSubset(of: Self.pages), "\(page)")
      if page == "swiftjail" { #expect(Set(referred) == Set(Self.pages.dropFirst())) }
    }
  }

  @Test("groff formats a page without a warning", .enabled(if: exists("/usr/bin/groff")), arguments: pages)
  func format(_ page: String) throws {
    let path = "\(package)/man/\(page).8"
    let outcome = try Program("/usr/bin/groff", ["-mandoc", "-Tutf8", "-ww", path]).call()
    #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
    #expect(outcome.lines.count > 10)
  }
}
