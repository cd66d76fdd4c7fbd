#pragma once
// Child processes: QEMU with its pipes, and short-lived tools whose output is wanted.
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/file.hpp"

namespace eremite::cli {

// A started process, killed and waited for when the object goes while it still runs.
class ChildProcess {
public:
    // Starts words[0], looked up in PATH. Each pair (ours, theirs) makes our descriptor `ours` the child's `theirs`; all others are closed
    // in it. The child is in a process group of its own, so that keys of the terminal do not reach it, and dies with this process. Throws
    // Failure: 127 when there is no such program, else 125.
    ChildProcess(const std::vector<std::string>& words, const std::vector<std::pair<int, int>>& descriptors, bool own_group = true);
    // The same with a function in the place of a program: it runs in a copy of this process, which must have a single thread, and its result is the
    // exit status. It may not return here by an exception.
    ChildProcess(const std::function<int()>& function, const std::vector<std::pair<int, int>>& descriptors);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess();

    // Readable once the process has ended.
    [[nodiscard]] int end_descriptor() const { return end_.get(); }
    void kill();
    // It is left to itself, and not waited for.
    void leave() { status_ = 0; }
    // Asks it to end (SIGTERM).
    void terminate();
    // Waits for the end. The status as of waitpid(2).
    int wait();

private:
    void watch_end();

    pid_t pid_ = -1;
    UniqueFd end_;
    std::optional<int> status_;
};

struct Captured {
    int status = 0;      // exit status, or 128 + signal
    std::string output;  // standard output and standard error
};

// Runs a tool to its end with an empty standard input.
Captured capture(const std::vector<std::string>& words);

// Runs a tool with our own standard streams; its exit status, or 128 + signal.
int run_tool(const std::vector<std::string>& words);

// A program's path as the shell would find it; nothing when there is none.
std::optional<std::filesystem::path> find_in_path(const std::string& name);

}  // namespace eremite::cli
