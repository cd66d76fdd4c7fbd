#include "cli/session.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>

#include "cli/failure.hpp"
#include "cli/file.hpp"

namespace eremite::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// What the session told its caller and what arrived at its streams.
struct Observed {
    std::string output;
    std::string errors;
    int wait_status = 0;
    int exit_status = -1;
    bool timed_out = false;
    bool output_seen = false;
    int ended_by_signal = 0;
    std::string vmm_messages;
};

// Runs a session in a child process, with a shell script in QEMU's place.
class SessionTest : public testing::Test {
protected:
    SessionTest() {
        std::string name = (fs::temp_directory_path() / "session-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
        folder_ = name;
    }
    ~SessionTest() override { fs::remove_all(folder_); }

    Observed run(const std::string& script, const std::string& input = {}, SessionOptions options = {}, int signal = 0) {
        const fs::path qemu = folder_ / "qemu";
        std::ofstream{qemu} << "#!/bin/bash\n" << script;
        fs::permissions(qemu, fs::perms::owner_all);
        std::ofstream{folder_ / "input"} << input;
        const pid_t child = ::fork();
        if (child == 0) act(qemu, options);
        if (signal != 0) {
            while (!fs::exists(folder_ / "ready")) ::usleep(1000);
            ::kill(child, signal);
        }
        Observed observed;
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        observed.output = read_text(folder_ / "output").value_or("");
        observed.errors = read_text(folder_ / "errors").value_or("");
        observed.vmm_messages = read_text(folder_ / "messages").value_or("");
        std::ifstream{folder_ / "result"} >> observed.wait_status >> observed.exit_status >> observed.timed_out >> observed.output_seen >>
            observed.ended_by_signal;
        return observed;
    }

    [[noreturn]] void act(const fs::path& qemu, const SessionOptions& options) {
        const auto reopen = [this](const char* name, const char* mode, FILE* stream) {
            if (std::freopen((folder_ / name).c_str(), mode, stream) == nullptr) _exit(1);
        };
        reopen("input", "r", stdin);
        reopen("output", "w", stdout);
        reopen("errors", "w", stderr);
        VirtualMachine machine;
        machine.qemu = qemu.string();
        const SessionEnd end = run_session(machine, options);
        std::ofstream{folder_ / "result"} << end.wait_status << ' ' << end.report.exit_status.value_or(-1) << ' ' << end.timed_out << ' '
                                          << end.output_seen << ' ' << end.ended_by_signal.value_or(0);
        std::ofstream{folder_ / "messages"} << end.vmm_messages;
        _exit(0);
    }

    fs::path folder_;
};

TEST_F(SessionTest, CarriesEachStream) {
    const Observed seen = run("printf 'out\\r\\n\\0x'; echo log >/dev/fd/3; echo exit 5 >/dev/fd/4; echo chatter >&2; exit 11");
    EXPECT_EQ(seen.output, std::string("out\r\n\0x", 7));
    EXPECT_EQ(seen.errors, "log\n");
    EXPECT_EQ(seen.vmm_messages, "chatter\n");
    EXPECT_EQ(seen.exit_status, 5);
    EXPECT_TRUE(seen.output_seen);
    EXPECT_EQ(WEXITSTATUS(seen.wait_status), 11);
}

TEST_F(SessionTest, LosesNothingOfMuch) {
    const Observed seen = run("head -c 5000000 /dev/zero | tr '\\0' a; printf end");
    EXPECT_EQ(seen.output.size(), 5'000'003);
    EXPECT_TRUE(seen.output.ends_with("aend"));
}

TEST_F(SessionTest, FramesTheInput) {
    const Observed seen = run("echo stat ready 1 >/dev/fd/4; head -c 8",
                              "a\x10"
                              "bcd",
                              {.raw_terminal = false, .framed_input = true, .timeout = {}, .detached = false});
    EXPECT_EQ(seen.output,
              "a\x10\x10"
              "bcd\x10"
              "E");
}

TEST_F(SessionTest, MuchInput) {
    const std::string input(1'000'000, 'i');
    const Observed seen = run("echo stat ready 1 >/dev/fd/4; head -c 1000002 | wc -c", input,
                              {.raw_terminal = false, .framed_input = true, .timeout = {}, .detached = false});
    EXPECT_EQ(seen.output, "1000002\n");
}

TEST_F(SessionTest, UnreadInputDoesNotHoldTheEnd) {
    const Observed seen = run("echo exit 0 >/dev/fd/4; exit 1", std::string(1'000'000, 'i'),
                              {.raw_terminal = false, .framed_input = true, .timeout = {}, .detached = false});
    EXPECT_EQ(seen.exit_status, 0);
}

TEST_F(SessionTest, StopsAtTheTimeout) {
    const Observed seen = run("printf before; sleep 60 </dev/null >/dev/null 2>&1 3>&- 4>&-", {},
                              {.raw_terminal = false, .framed_input = false, .timeout = milliseconds{300}, .detached = false});
    EXPECT_TRUE(seen.timed_out);
    EXPECT_EQ(seen.output, "before");
    EXPECT_TRUE(WIFSIGNALED(seen.wait_status));
}

TEST_F(SessionTest, SignalsEndTheMachine) {
    const std::string script = "printf before; echo >" + (folder_ / "ready").string() + "; exec sleep 60";
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        fs::remove(folder_ / "ready");
        const Observed seen = run(script, {}, {}, signal);
        EXPECT_EQ(seen.ended_by_signal, signal);
        EXPECT_EQ(seen.output, "before");
        EXPECT_TRUE(WIFSIGNALED(seen.wait_status));
    }
}

TEST_F(SessionTest, QemuThatFails) {
    const Observed seen = run("echo 'qemu: bad option' >&2; exit 1");
    EXPECT_FALSE(seen.output_seen);
    EXPECT_EQ(seen.vmm_messages, "qemu: bad option\n");
    EXPECT_EQ(WEXITSTATUS(seen.wait_status), 1);
    EXPECT_EQ(seen.exit_status, -1);
}

TEST(Session, MissingQemu) {
    VirtualMachine machine;
    machine.qemu = "/nonexistent/qemu";
    EXPECT_THROW((void)run_session(machine, {}), Failure);
}

}  // namespace
}  // namespace eremite::cli
