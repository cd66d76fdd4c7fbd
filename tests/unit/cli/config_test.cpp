#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "cli/config_file.hpp"
#include "cli/config_option.hpp"
#include "cli/failure.hpp"

namespace eremite::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// A command line with an option of each kind.
struct CommandLine {
    CommandLine() {
        app.add_option("--memory", memory);
        app.add_option("--cpus", cpus)->check(CLI::Range(1U, 64U));
        app.add_option("--timeout", timeout);
        app.add_option("--mount", mounts)->allow_extra_args(false);
        app.add_option("--env", environment)->allow_extra_args(false);
        app.add_option("--files", files);
        app.add_flag("--stats", stats);
        app.add_flag("--gdb{1234}", gdb);
        app.add_flag("--trace{*}", trace);
        app.add_option("--config", config);
        app.prefix_command();
    }

    // A file, and the words of a command line.
    void run(std::string_view text, std::vector<std::string> words = {}) {
        std::ranges::reverse(words);
        app.parse(std::move(words));
        apply_config(parse_config(text, "my.toml"), app);
    }

    std::string refusal(std::string_view text) {
        try {
            run(text);
        } catch (const Failure& failure) {
            EXPECT_EQ(failure.status(), exit_status::usage);
            return failure.what();
        }
        return "it was taken";
    }

    CLI::App app;
    std::string memory = "128M", trace, config;
    unsigned cpus = 1;
    int gdb = 0;
    std::optional<double> timeout;
    std::optional<std::string> files;
    std::vector<std::string> mounts, environment;
    bool stats = false;
};

TEST(Config, SetsOptionsOfEachKind) {
    CommandLine line;
    line.run("memory = \"1G\"\ncpus = 3\ntimeout = 2.5\nmount = [\"a:/a\", \"b:/b:ro\"]\nfiles = \"folder\"\nstats = true\ngdb = 99\ntrace = \"open\"\n"
             "[env]\nHOME = \"/\"\nNAME = \"a = b\"\n");
    EXPECT_EQ(line.memory, "1G");
    EXPECT_EQ(line.cpus, 3U);
    EXPECT_EQ(line.timeout, 2.5);
    EXPECT_THAT(line.mounts, ElementsAre("a:/a", "b:/b:ro"));
    EXPECT_EQ(line.files, "folder");
    EXPECT_TRUE(line.stats);
    EXPECT_EQ(line.gdb, 99);
    EXPECT_EQ(line.trace, "open");
    EXPECT_THAT(line.environment, ElementsAre("HOME=/", "NAME=a = b"));
}

TEST(Config, OtherFormsOfTheSame) {
    CommandLine line;
    line.run("timeout = 3\nmount = \"a:/a\"\nenv = [\"A=1\"]\nstats = false\ngdb = true\ntrace = true\n");
    EXPECT_EQ(line.timeout, 3);
    EXPECT_THAT(line.mounts, ElementsAre("a:/a"));
    EXPECT_THAT(line.environment, ElementsAre("A=1"));
    EXPECT_FALSE(line.stats);
    EXPECT_EQ(line.gdb, 1234);
    EXPECT_EQ(line.trace, "*");
}

TEST(Config, EmptyFilesAndListsChangeNothing) {
    CommandLine line;
    line.run("# nothing\nmount = []\n[env]\n");
    EXPECT_TRUE(line.mounts.empty());
    EXPECT_EQ(line.memory, "128M");
}

TEST(Config, CommandLineWins) {
    CommandLine line;
    line.run("memory = \"1G\"\ncpus = 3\nmount = [\"a:/a\"]\n", {"--memory", "2G", "--mount", "b:/b"});
    EXPECT_EQ(line.memory, "2G");
    EXPECT_EQ(line.cpus, 3U);
    EXPECT_THAT(line.mounts, ElementsAre("b:/b"));
}

TEST(Config, ProgramAndArguments) {
    const Config config = parse_config("program = \"hello\"\narguments = [\"a\", \"--b\"]\n", "my.toml");
    EXPECT_EQ(config.program, "hello");
    EXPECT_THAT(config.arguments, ElementsAre("a", "--b"));
    EXPECT_TRUE(config.entries.empty());
}

TEST(Config, MistakesAreToldWithFileLineAndKey) {
    const std::vector<std::pair<const char*, const char*>> mistakes{
        {"memory = \"1G\"\ncolour = \"blue\"\n", "my.toml:2: colour: no such option"},
        {"config = \"other.toml\"\n", "my.toml:1: config: no such option"},
        {"help = true\n", "my.toml:1: help: no such option"},
        {"\n\nmemory = 5\n", "my.toml:3: memory: a string is expected"},
        {"cpus = \"3\"\n", "my.toml:1: cpus: a number is expected"},
        {"cpus = 65\n", "my.toml:1: cpus: "},
        {"cpus = 1.5\n", "my.toml:1: cpus: "},
        {"stats = 1\n", "my.toml:1: stats: true or false is expected"},
        {"stats = \"yes\"\n", "my.toml:1: stats: true or false is expected"},
        {"gdb = \"x\"\n", "my.toml:1: gdb: true or a port is expected"},
        {"trace = 5\n", "my.toml:1: trace: true or a string is expected"},
        {"mount = true\n", "my.toml:1: mount: a string or a list of strings is expected"},
        {"mount = [\n\"a:/a\",\n5]\n", "my.toml:3: mount: a list of strings is expected"},
        {"files = [\"a\"]\n", "my.toml:1: files: a string is expected"},
        {"[memory]\nsize = 5\n", "my.toml:1: memory: a table is not expected here"},
        {"[env]\nA = \"1\"\nB = 2\n", "my.toml:3: env.B: a string is expected"},
        {"memory = 2026-11-22\n", "my.toml:1: memory: a date or time is not expected here"},
        {"program = [\"a\"]\n", "my.toml:1: program: a string is expected"},
        {"arguments = \"a\"\n", "my.toml:1: arguments: a list of strings is expected"},
        {"memory = \"1G\"\nmemory = \"2G\"\n", "my.toml:2: "},
        {"memory = \n", "my.toml:1: "},
        {"cpus = 2\n]\n", "my.toml:2: "},
    };
    for (const auto& [text, message] : mistakes) {
        CommandLine line;
        EXPECT_THAT(line.refusal(text), StartsWith(message)) << text;
    }
}

TEST(Config, FileThatIsNotThere) {
    try {
        (void)read_config("/nowhere/my.toml");
        FAIL() << "it was read";
    } catch (const Failure& failure) {
        EXPECT_THAT(failure.what(), HasSubstr("/nowhere/my.toml"));
    }
}

}  // namespace
}  // namespace eremite::cli
