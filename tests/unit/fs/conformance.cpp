#include "conformance.hpp"

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
#include <thread>

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
    if (!file_ops::limited) {
        file_ops::xattr_checks();
        file_ops::notify_checks();
        file_ops::lock_checks();
        file_ops::pipe_checks();
        if (file_ops::unnamed_files) file_ops::unnamed_checks();
    }
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

void leave_out(Lacking lacking) {
    file_ops::limited = lacking.most;
    file_ops::unnamed_files = !lacking.most && !lacking.unnamed;
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

}  // namespace

// A child, since it closes all descriptors and changes its working directory.
std::vector<std::string> checked_by_linux(Lacking lacking) {
    leave_out(lacking);
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

std::vector<std::string> checked_by_us(const std::string& directory, Lacking lacking) {
    leave_out(lacking);
    static std::string where;
    where = directory;
    char* text = nullptr;
    size_t size = 0;
    file_ops::output = open_memstream(&text, &size);
    file_ops::system_call = by_our_handlers;
    run_on_low_stack([] {
        // On the stack, where a program's strings may be.
        char path[256] = {};
        where.copy(path, sizeof path - 1);
        ASSERT_EQ(file_ops::mkdir(path, 0755), 0);
        ASSERT_EQ(file_ops::chdir(path), 0);
        run_checks();
    });
    std::fclose(file_ops::output);
    std::istringstream stream{std::string{text, size}};
    std::free(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

}  // namespace eremite::test
