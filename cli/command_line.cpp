#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

std::string quote_shell_word(std::string_view word) {
    constexpr std::string_view harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    if (!word.empty() && word.find_first_not_of(harmless) == std::string_view::npos) return std::string{word};
    std::string quoted = "'";
    for (const char c : word) {
        if (c == '\'') {
            quoted += "'\\''";
        } else {
            quoted += c;
        }
    }
    return quoted + "'";
}

}  // namespace

std::string quote_kernel_word(std::string_view word) {
    // A bare "--" would end the kernel arguments, and device announcements are the monitor's, so that program arguments of these
    // forms are quoted too.
    if (!word.empty() && word != "--" && !word.starts_with("virtio_mmio.device=") && word.find_first_of(" \t\r\n\v\f\"'\\") == std::string_view::npos) return std::string{word};
    std::string quoted = "\"";
    for (const char c : word) {
        switch (c) {
            case '"':
                quoted += "\\\"";
                break;
            case '\\':
                quoted += "\\\\";
                break;
            case '\n':
                quoted += "\\n";
                break;
            default:
                quoted += c;
        }
    }
    return quoted + "\"";
}

std::string kernel_command_line(const std::vector<std::string>& kernel_arguments, const std::vector<std::string>& program_arguments) {
    std::string line;
    const auto append = [&line](const std::string& word) {
        if (word.find('\0') != std::string::npos) throw Failure{exit_status::eremite_failed, "an argument holds a zero byte"};
        line += quote_kernel_word(word);
        line += ' ';
    };
    std::ranges::for_each(kernel_arguments, append);
    line += "-- ";
    std::ranges::for_each(program_arguments, append);
    line.pop_back();
    if (line.size() + 1 > kernel_command_line_limit) {
        throw Failure{
            exit_status::eremite_failed,
            fmt::format("the arguments and environment are too long: {} bytes, and an image reads {}; put large data in a file (--files)",
                        line.size() + 1, kernel_command_line_limit)};
    }
    return line;
}

std::string shell_command(const std::vector<std::string>& words) {
    std::string command;
    for (const std::string& word : words) {
        if (!command.empty()) command += ' ';
        command += quote_shell_word(word);
    }
    return command;
}

}  // namespace eremite::cli
