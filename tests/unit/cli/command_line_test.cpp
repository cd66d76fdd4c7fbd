#include "cli/command_line.hpp"

#include <gtest/gtest.h>

#include "cli/failure.hpp"

namespace eremite::cli {
namespace {

TEST(KernelWord, PlainWordsStay) {
    EXPECT_EQ(quote_kernel_word("log=info"), "log=info");
    EXPECT_EQ(quote_kernel_word("/a/b,c;$x*"), "/a/b,c;$x*");
}

TEST(KernelWord, Quotes) {
    EXPECT_EQ(quote_kernel_word(""), R"("")");
    EXPECT_EQ(quote_kernel_word("a b"), R"("a b")");
    EXPECT_EQ(quote_kernel_word("say \"hi\""), R"("say \"hi\"")");
    EXPECT_EQ(quote_kernel_word("back\\slash"), R"("back\\slash")");
    EXPECT_EQ(quote_kernel_word("two\nlines"), R"("two\nlines")");
    EXPECT_EQ(quote_kernel_word("it's"), R"("it's")");
    EXPECT_EQ(quote_kernel_word("tab\there"), "\"tab\there\"");
}

TEST(KernelCommandLine, SeparatesProgramArguments) {
    EXPECT_EQ(kernel_command_line({"tty=0", "env.A=b c"}, {"x", "", "y z"}), R"(tty=0 "env.A=b c" -- x "" "y z")");
    EXPECT_EQ(kernel_command_line({}, {}), "--");
    EXPECT_EQ(kernel_command_line({"tty=1"}, {}), "tty=1 --");
}

TEST(KernelCommandLine, RefusesWhatDoesNotFit) {
    const std::string fits(kernel_command_line_limit - 4, 'x');
    EXPECT_EQ(kernel_command_line({}, {fits}).size(), kernel_command_line_limit - 1);
    try {
        (void)kernel_command_line({}, {fits + "x"});
        FAIL();
    } catch (const Failure& failure) {
        EXPECT_EQ(failure.status(), exit_status::eremite_failed);
        EXPECT_NE(std::string{failure.what()}.find("16384"), std::string::npos);
    }
    EXPECT_THROW((void)kernel_command_line({}, {std::string("a\0b", 3)}), Failure);
}

TEST(ShellCommand, Quotes) {
    EXPECT_EQ(shell_command({"qemu", "-append", "a b"}), "qemu -append 'a b'");
    EXPECT_EQ(shell_command({"it's", "", "$HOME", "a=b,c"}), R"('it'\''s' '' '$HOME' a=b,c)");
}

}  // namespace
}  // namespace eremite::cli
