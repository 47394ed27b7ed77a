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

  /// The pages on programs and their commands.
  static let pages = ["swiftjail", "swiftjaild"] + commands.map { "swiftjail-" + $0 }

  /// The pages on files.
  static let formats = ["swiftjail-partitions"]

  /// A page's file in `man`.
  func file(_ page: String) -> String { page + (Self.formats.contains(page) ? ".5" : ".8") }

  func text(_ page: String) throws -> String {
    guard let text = contents("\(package)/man/\(file(page))") else {
      throw Broken("there is no man/\(file(page))")
    }
    return text
  }

  /// What the program or command that `page` is on says with `--help`.
  func help(of page: String) throws -> Outcome {
    let help =
      switch page {
      case "swiftjail": try Program(Swiftjail.program, ["--help"]).call()
      case "swiftjaild": try Program(Swiftjail.supervisor, ["--help"]).call()
      default: try Program(Swiftjail.program, [String(page.dropFirst("swiftjail-".count)), "--help"]).call()
      }
    guard help.status == 0, help.stderr.isEmpty else { throw Broken(help.description) }
    return help
  }

  /// The options, with their letters, in lines such as `-f, --force  end it first`.
  func options(inHelpOf page: String) throws -> Set<String> {
    let lines = try help(of: page).text.components(separatedBy: "\n").drop { $0 != "Options:" }.dropFirst()
    var options: Set<String> = []
    for line in lines.prefix(while: { !$0.isEmpty }) {
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

  @Test("The pages are those of the programs, their commands and their files, and no others")
  func allPages() throws {
    #expect(Self.commands.count >= 24)
    let files = try FileManager.default.contentsOfDirectory(atPath: package + "/man")
    #expect(Set(files) == Set((Self.pages + Self.formats).map { file($0) }))
  }

  @Test("A page has every option that --help has, and no other", arguments: pages)
  func options(of page: String) throws {
    let inHelp = try options(inHelpOf: page)
    let inPage = try options(inPage: page)
    #expect(inHelp.isSuperset(of: ["--help", "-h"]))
    #expect(inHelp.subtracting(inPage).isEmpty, "not in man/\(page).8")
    #expect(inPage.subtracting(inHelp).isEmpty, "in man/\(page).8 alone")
  }

  @Test("A page says what its command does in the words of --help", arguments: commands)
  func summary(of command: String) throws {
    let first = try #require(help(of: "swiftjail-\(command)").lines.first)
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
    for page in Self.pages + Self.formats {
      let referred = try text(page).lines.filter { $0.contains("Xr swiftjail") }.flatMap { line in
        line.words.filter { $0.hasPrefix("swiftjail") }
      }
      #expect(Set(referred).isSubset(of: Self.pages + Self.formats), "\(page)")
      if page == "swiftjail" { #expect(Set(referred) == Set(Self.pages.dropFirst() + Self.formats)) }
    }
  }

  @Test(
    "groff formats a page without a warning", .enabled(if: exists("/usr/bin/groff")),
    arguments: pages + formats)
  func format(_ page: String) throws {
    let path = "\(package)/man/\(file(page))"
    let outcome = try Program("/usr/bin/groff", ["-mandoc", "-Tutf8", "-ww", path]).call()
    #expect(outcome.status == 0 && outcome.stderr.isEmpty, "\(outcome)")
    #expect(outcome.lines.count > 10)
  }
}
