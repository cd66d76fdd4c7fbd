#include "cli/syscall_scan.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <vector>

namespace eremite::cli {
namespace {

SyscallScan scan(std::initializer_list<unsigned> bytes) {
    std::vector<std::byte> code;
    for (const unsigned byte : bytes) code.push_back(static_cast<std::byte>(byte));
    SyscallScan result;
    scan_syscalls(code, result);
    return result;
}

TEST(SyscallScan, NamesComeFromTheHeader) {
    EXPECT_EQ(syscall_name(SYS_read), "read");
    EXPECT_EQ(syscall_name(SYS_futex), "futex");
    EXPECT_EQ(syscall_name(SYS_io_uring_setup), "io_uring_setup");
    EXPECT_EQ(syscall_name(100'000), "");
}

TEST(SyscallScan, FindsImmediateNumbers) {
    EXPECT_EQ(scan({0xb8, 1, 0, 0, 0, 0x0f, 0x05}).numbers, std::set<uint32_t>{SYS_write});
    EXPECT_EQ(scan({0x48, 0xc7, 0xc0, 60, 0, 0, 0, 0x0f, 0x05}).numbers, std::set<uint32_t>{SYS_exit});
    EXPECT_EQ(scan({0x31, 0xc0, 0x0f, 0x05}).numbers, std::set<uint32_t>{SYS_read});
    EXPECT_EQ(scan({0xb8, 0xca, 0, 0, 0, 0x31, 0xd2, 0x0f, 0x05}).numbers, std::set<uint32_t>{SYS_futex});
}

TEST(SyscallScan, TakesTheClosest) {
    EXPECT_EQ(scan({0xb8, 1, 0, 0, 0, 0x90, 0xb8, 2, 0, 0, 0, 0x0f, 0x05}).numbers, std::set<uint32_t>{SYS_open});
}

TEST(SyscallScan, CountsTheUnknown) {
    const SyscallScan result = scan({0x89, 0xf8, 0x0f, 0x05, 0xc3});
    EXPECT_EQ(result.sites, 1);
    EXPECT_EQ(result.unknown, 1);
    // A constant that is no system call's number, and one too far away.
    EXPECT_EQ(scan({0xb8, 0, 0, 0, 0x7f, 0x0f, 0x05}).unknown, 1);
    EXPECT_EQ(scan({0xb8, 1,    0,    0,    0,    0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
                    0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x0f, 0x05})
                  .unknown,
              1);
}

TEST(SyscallScan, EndsOfCode) {
    EXPECT_EQ(scan({}).sites, 0);
    EXPECT_EQ(scan({0x0f}).sites, 0);
    EXPECT_EQ(scan({0x0f, 0x05}).unknown, 1);
    EXPECT_EQ(scan({0xb8, 1, 0, 0x0f, 0x05}).unknown, 1);
}

}  // namespace
}  // namespace eremite::cli
