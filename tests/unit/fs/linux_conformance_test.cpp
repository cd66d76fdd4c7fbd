// The checks of tests/guest/files, run twice on the host: by the Linux kernel in a temporary directory, and by our handlers.
// What they print must be the same.
#include <gtest/gtest.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "libos/syscall/adapter.hpp"
#include "libos/syscall/file_table_entries.hpp"
#include "machine.hpp"
#include "tests/guest/files/check.hpp"

namespace eremite::test {

namespace {

const std::map<long, syscall::Entry>& handlers() {
    static const std::map<long, syscall::Entry> table = [] {
        std::map<long, syscall::Entry> built;
        for (const syscall::Assignment& a : syscall::file_assignments) built[a.number] = a.entry;
        return built;
    }();
    return table;
}

long by_our_handlers(long number, long a, long b, long c, long d, long e, long f) {
    const auto handler = handlers().find(number);
    if (handler == handlers().end()) return -ENOSYS;
    const auto u = [](long v) { return static_cast<uint64_t>(v); };
    // The kernel has a stack of its own, above the program's memory.
    long result = 0;
    std::thread{[&] { result = handler->second(u(a), u(b), u(c), u(d), u(e), u(f)); }}.join();
    return result;
}

long by_linux(long number, long a, long b, long c, long d, long e, long f) {
    const long result = ::syscall(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
}

void run_checks() {
    file_ops::open_checks();
    file_ops::io_checks();
    file_ops::name_checks();
    file_ops::path_checks();
    file_ops::stat_checks();
    file_ops::control_checks();
    file_ops::size_checks();
    file_ops::xattr_checks();
    file_ops::notify_checks();
    file_ops::lock_checks();
    file_ops::pipe_checks();
    file_ops::unnamed_checks();
    file_ops::device_checks();
}

// Variables of the checks that stand on the stack must lie where a program's memory may be.
void run_on_low_stack(void (*function)()) {
    constexpr size_t size = 1 << 20;
    void* const stack = user_memory(size);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    ASSERT_EQ(pthread_attr_setstack(&attributes, stack, size), 0);
    pthread_t thread;
    const auto start = [](void* f) -> void* {
        reinterpret_cast<void (*)()>(f)();
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, start, reinterpret_cast<void*>(function)), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    release_user_memory(stack, size);
}

std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream file{path};
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

std::string temporary(const char* base) {
    std::string path = std::string{base} + "/eremite-XXXXXX";
    return mkdtemp(path.data()) ? path : "";
}

// A child, since it closes all descriptors and changes its working directory.
std::vector<std::string> run_linux() {
    const std::string directory = temporary("/dev/shm");
    const std::string result = directory + ".out";
    const pid_t child = fork();
    if (child == 0) {
        // Kept in memory until the end, since the checks close every descriptor.
        char* text = nullptr;
        size_t size = 0;
        file_ops::output = open_memstream(&text, &size);
        file_ops::system_call = by_linux;
        file_ops::limit_descriptors();
        ::umask(022);
        ::close_range(3, ~0U, 0);
        if (::chmod(directory.c_str(), 0755) != 0 || ::chdir(directory.c_str()) != 0) _exit(1);
        run_checks();
        std::fclose(file_ops::output);
        std::ofstream{result}.write(text, static_cast<std::streamsize>(size));
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    auto lines = lines_of(result);
    ::unlink(result.c_str());
    ::rmdir(directory.c_str());
    return lines;
}

// The address space of the test has no areas to be listed.
bool comparable(const std::string& line) {
    return line.find("read(3, buffer, sizeof buffer) > 0") == line.npos;
}

}  // namespace

TEST(LinuxConformance, SameResults) {
    if (::access("/dev/shm", W_OK) != 0 || ::geteuid() != 0) GTEST_SKIP() << "needs root and a tmpfs at /dev/shm";
    const std::vector<std::string> expected = run_linux();
    const Program program;
    char* text = nullptr;
    size_t size = 0;
    file_ops::output = open_memstream(&text, &size);
    file_ops::system_call = by_our_handlers;
    run_on_low_stack([] {
        ASSERT_EQ(file_ops::mkdir("/dev/shm/checks", 0755), 0);
        ASSERT_EQ(file_ops::chdir("/dev/shm/checks"), 0);
        run_checks();
    });
    std::fclose(file_ops::output);
    std::istringstream stream{std::string{text, size}};
    std::free(text);
    std::vector<std::string> actual;
    for (std::string line; std::getline(stream, line);) actual.push_back(line);
    ASSERT_GT(expected.size(), 900U);
    EXPECT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
        if (!comparable(expected[i])) continue;
        EXPECT_EQ(actual[i], expected[i]) << "line " << i + 1;
    }
}

}  // namespace eremite::test
