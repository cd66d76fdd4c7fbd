#pragma once
// Words as others read them: the image's kernel command line, and a shell's.
#include <string>
#include <string_view>
#include <vector>

namespace eremite::cli {

// The image reads no more than this of its command line, the closing zero byte included.
inline constexpr size_t kernel_command_line_limit = 16 * 1024;

// A word for the image: as it is, or, when it is empty or holds white space, quotes or backslashes, in double quotes with
// the escapes \" \\ and \n.
std::string quote_kernel_word(std::string_view word);

// "[kernel arguments] -- [program arguments]", each word quoted where it must be. Throws Failure (125) when the line is longer than
// kernel_command_line_limit or a word holds a zero byte.
std::string kernel_command_line(const std::vector<std::string>& kernel_arguments, const std::vector<std::string>& program_arguments);

// A command that a POSIX shell splits into just these words (POSIX.1-2017, Shell Command Language, 2.2).
std::string shell_command(const std::vector<std::string>& words);

}  // namespace eremite::cli
