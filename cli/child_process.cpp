#include "cli/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/failure.hpp"

namespace eremite::cli {

namespace {

// In the child: what it does not inherit. False: it failed, with errno set.
bool prepare(const std::vector<std::pair<int, int>>& descriptors, bool own_group) {
    if (own_group && ::setpgid(0, 0) != 0) return false;
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
    sigset_t none;
    sigemptyset(&none);
    if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return false;
    if (::signal(SIGPIPE, SIG_DFL) == SIG_ERR) return false;
    // First out of the way of each other's target numbers, then to their places.
    constexpr int beyond_targets = 64;
    std::vector<std::pair<int, int>> moved;
    for (const auto& [ours, theirs] : descriptors) {
        const int copy = ::fcntl(ours, F_DUPFD_CLOEXEC, beyond_targets);
        if (copy < 0) return false;
        moved.emplace_back(copy, theirs);
    }
    for (const auto& [copy, theirs] : moved) {
        if (::dup2(copy, theirs) < 0) return false;
    }
    return true;
}

int plain_status(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : exit_status::signal_base + WTERMSIG(status);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& words, const std::vector<std::pair<int, int>>& descriptors, bool own_group) {
    std::vector<char*> pointers;
    // execvp does not write to the words, although its type says so.
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    Pipe failure = make_pipe();
    pid_ = ::fork();
    if (pid_ < 0) throw Failure{exit_status::eremite_failed, fmt::format("cannot start {}: {}", words[0], std::strerror(errno))};
    if (pid_ == 0) {
        if (prepare(descriptors, own_group)) ::execvp(pointers[0], pointers.data());
        const int error = errno;
        const bool told = ::write(failure.write_end.get(), &error, sizeof error) == sizeof error;
        _exit(told ? exit_status::not_found : exit_status::eremite_failed);
    }
    failure.write_end.reset();
    int error = 0;
    ssize_t got;
    // The pipe closes by itself when exec succeeds.
    while ((got = ::read(failure.read_end.get(), &error, sizeof error)) < 0 && errno == EINTR) {
    }
    if (got != 0) {
        wait();
        const int status = error == ENOENT ? exit_status::not_found : exit_status::eremite_failed;
        throw Failure{status, fmt::format("cannot start {}: {}", words[0], std::strerror(error))};
    }
    watch_end();
}

ChildProcess::ChildProcess(const std::function<int()>& function, const std::vector<std::pair<int, int>>& descriptors) {
    pid_ = ::fork();
    if (pid_ < 0) throw Failure{exit_status::eremite_failed, fmt::format("cannot start a process: {}", std::strerror(errno))};
    if (pid_ == 0) {
        if (!prepare(descriptors, true)) _exit(exit_status::eremite_failed);
        int last = STDERR_FILENO;
        for (const auto& [ours, theirs] : descriptors) last = std::max(last, theirs);
        if (::close_range(static_cast<unsigned>(last) + 1, ~0U, 0) != 0) _exit(exit_status::eremite_failed);
        _exit(function());
    }
    watch_end();
}

void ChildProcess::watch_end() {
    // By number: the header of glibc 2.36 declares pidfd_open without C linkage.
    end_ = UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    if (!end_) {
        const int why = errno;
        kill();
        wait();
        throw Failure{exit_status::eremite_failed, fmt::format("cannot watch a process: {}", std::strerror(why))};
    }
}

ChildProcess::~ChildProcess() {
    if (status_) return;
    kill();
    wait();
}

void ChildProcess::kill() {
    if (!status_) ::kill(pid_, SIGKILL);
}

void ChildProcess::terminate() {
    if (!status_) ::kill(pid_, SIGTERM);
}

int ChildProcess::wait() {
    if (!status_) {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        status_ = status;
    }
    return *status_;
}

Captured capture(const std::vector<std::string>& words) {
    const UniqueFd nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    Pipe output = make_pipe();
    ChildProcess child{words, {{nothing.get(), 0}, {output.write_end.get(), 1}, {output.write_end.get(), 2}}};
    output.write_end.reset();
    Captured captured;
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(output.read_end.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        captured.output.append(buffer, static_cast<size_t>(got));
    }
    captured.status = plain_status(child.wait());
    return captured;
}

int run_tool(const std::vector<std::string>& words) {
    ChildProcess child{words, {{0, 0}, {1, 1}, {2, 2}}, false};
    return plain_status(child.wait());
}

std::optional<std::filesystem::path> find_in_path(const std::string& name) {
    const auto usable = [](const std::filesystem::path& path) {
        std::error_code error;
        return std::filesystem::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
    };
    if (name.find('/') != std::string::npos) return usable(name) ? std::optional{std::filesystem::path{name}} : std::nullopt;
    const char* const path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        const size_t colon = std::min(rest.find(':'), rest.size());
        const std::filesystem::path folder{colon == 0 ? std::string_view{"."} : rest.substr(0, colon)};
        if (usable(folder / name)) return folder / name;
        if (colon == rest.size()) return std::nullopt;
        rest.remove_prefix(colon + 1);
    }
}

}  // namespace eremite::cli
