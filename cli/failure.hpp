#pragma once
// How a command of `eremite` ends early: with a message for the user and an exit status. The command is a hosted program
// whose errors are sentences, not numbers, so it throws where the kernel side returns a Result.
#include <stdexcept>
#include <string>

namespace eremite::cli {

// Exit statuses of the command itself; a program that ran gives its own. The values are those of timeout(1), env(1) and sh(1).
namespace exit_status {
inline constexpr int usage = 2;
inline constexpr int timed_out = 124;
inline constexpr int eremite_failed = 125;
inline constexpr int not_runnable = 126;
inline constexpr int not_found = 127;
inline constexpr int signal_base = 128;
}  // namespace exit_status

class Failure : public std::runtime_error {
public:
    Failure(int status, const std::string& message) : std::runtime_error{message}, status_{status} {}
    [[nodiscard]] int status() const { return status_; }

private:
    int status_;
};

}  // namespace eremite::cli
