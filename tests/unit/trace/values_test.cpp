// Numbers, names, strings.
#include "libos/trace/values.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <iterator>

#include "libos/trace/errors.hpp"
#include "libos/trace/name_sets.hpp"
#include "machine.hpp"

namespace eremite::trace {

namespace {

using test::text_of;
using test::UserMemory;

std::string value(Kind kind, uint64_t number) {
    return text_of([&](TextSink& out) { write_value(out, kind, number); });
}
std::string quoted(std::string_view bytes) {
    return text_of([&](TextSink& out) { write_quoted(out, bytes, false); });
}

TEST(ValuesTest, Numbers) {
    EXPECT_EQ(value(Kind::Int, 0xffffffff), "-1");
    EXPECT_EQ(value(Kind::Int, 0x1'0000'0005), "5");
    EXPECT_EQ(value(Kind::Unsigned, ~uint64_t{0}), "4294967295");
    EXPECT_EQ(value(Kind::Long, ~uint64_t{0}), "-1");
    EXPECT_EQ(value(Kind::Size, ~uint64_t{0}), "18446744073709551615");
    EXPECT_EQ(value(Kind::Hex, 0), "0");
    EXPECT_EQ(value(Kind::Hex, 255), "0xff");
    EXPECT_EQ(value(Kind::Octal, 0644), "0644");
    EXPECT_EQ(value(Kind::Octal, 0), "0");
    EXPECT_EQ(value(Kind::Pointer, 0), "NULL");
    EXPECT_EQ(value(Kind::Pointer, 0x1234), "0x1234");
    EXPECT_EQ(value(Kind::Directory, static_cast<uint32_t>(AT_FDCWD)), "AT_FDCWD");
    EXPECT_EQ(value(Kind::Directory, 3), "3");
}

TEST(ValuesTest, Flags) {
    EXPECT_EQ(value(Kind::OpenFlags, O_RDONLY), "O_RDONLY");
    EXPECT_EQ(value(Kind::OpenFlags, O_RDONLY | O_CLOEXEC), "O_RDONLY|O_CLOEXEC");
    EXPECT_EQ(value(Kind::OpenFlags, O_WRONLY | O_CREAT | O_TRUNC), "O_WRONLY|O_CREAT|O_TRUNC");
    EXPECT_EQ(value(Kind::OpenFlags, O_RDWR | O_SYNC), "O_RDWR|O_SYNC");
    EXPECT_EQ(value(Kind::OpenFlags, O_RDWR | O_DSYNC), "O_RDWR|O_DSYNC");
    EXPECT_EQ(value(Kind::OpenFlags, O_RDWR | O_TMPFILE), "O_RDWR|O_TMPFILE");
    EXPECT_EQ(value(Kind::OpenFlags, O_RDONLY | O_DIRECTORY), "O_RDONLY|O_DIRECTORY");
    EXPECT_EQ(value(Kind::Protection, 0), "PROT_NONE");
    EXPECT_EQ(value(Kind::Protection, PROT_READ | PROT_WRITE), "PROT_READ|PROT_WRITE");
    EXPECT_EQ(value(Kind::Protection, PROT_READ | 0x40), "PROT_READ|0x40");
    EXPECT_EQ(value(Kind::Protection, 0x40), "0x40");
    EXPECT_EQ(value(Kind::MapFlags, MAP_PRIVATE | MAP_ANONYMOUS), "MAP_PRIVATE|MAP_ANONYMOUS");
    EXPECT_EQ(value(Kind::MapFlags, MAP_SHARED_VALIDATE), "MAP_SHARED_VALIDATE");
    EXPECT_EQ(value(Kind::TimerFlags, 0), "0");
    EXPECT_EQ(value(Kind::AccessMode, 0), "F_OK");
    EXPECT_EQ(value(Kind::AccessMode, 6), "R_OK|W_OK");
    EXPECT_EQ(value(Kind::SocketType, SOCK_STREAM | SOCK_CLOEXEC), "SOCK_STREAM|SOCK_CLOEXEC");
    EXPECT_EQ(value(Kind::SocketType, SOCK_DGRAM), "SOCK_DGRAM");
    EXPECT_EQ(value(Kind::SocketType, SOCK_SEQPACKET | SOCK_NONBLOCK), "SOCK_SEQPACKET|SOCK_NONBLOCK");
}

TEST(ValuesTest, Choices) {
    EXPECT_EQ(value(Kind::Whence, SEEK_END), "SEEK_END");
    EXPECT_EQ(value(Kind::Whence, 77), "0x4d");
    EXPECT_EQ(value(Kind::Clock, CLOCK_MONOTONIC), "CLOCK_MONOTONIC");
    EXPECT_EQ(value(Kind::Advice, MADV_DONTNEED), "MADV_DONTNEED");
    EXPECT_EQ(value(Kind::LimitValue, ~uint64_t{0}), "RLIM64_INFINITY");
    EXPECT_EQ(value(Kind::LimitValue, 8192), "8192");
    EXPECT_EQ(value(Kind::Handler, 0), "SIG_DFL");
    EXPECT_EQ(value(Kind::Handler, 0x401000), "0x401000");
}

TEST(ValuesTest, Signals) {
    EXPECT_EQ(value(Kind::Signal, SIGSEGV), "SIGSEGV");
    EXPECT_EQ(value(Kind::Signal, 0), "0");
    EXPECT_EQ(value(Kind::Signal, 32), "SIGRTMIN");
    EXPECT_EQ(value(Kind::Signal, 33), "SIGRT_1");
    EXPECT_EQ(value(Kind::Signal, 64), "SIGRT_32");
    EXPECT_EQ(value(Kind::Signal, 65), "65");
    EXPECT_EQ(value(Kind::SignalMask, 0), "[]");
    EXPECT_EQ(value(Kind::SignalMask, 1 << (SIGINT - 1) | 1 << (SIGTERM - 1)), "[INT TERM]");
    EXPECT_EQ(value(Kind::SignalMask, ~uint64_t{0}), "~[]");
    EXPECT_EQ(value(Kind::SignalMask, ~(uint64_t{3} << 31)), "~[RTMIN RT_1]");
}

TEST(ValuesTest, NamesOfEverySignalAreTheHosts) {
    // Of one with two names the C library prefers the other.
    for (int signal = 1; signal < 32; ++signal) {
        if (signal == SIGIO) continue;
        EXPECT_EQ(value(Kind::Signal, static_cast<uint64_t>(signal)), std::string{"SIG"} + sigabbrev_np(signal));
    }
}

TEST(ValuesTest, FutexOperations) {
    EXPECT_EQ(value(Kind::FutexOperation, FUTEX_WAIT_PRIVATE), "FUTEX_WAIT_PRIVATE");
    EXPECT_EQ(value(Kind::FutexOperation, FUTEX_WAKE), "FUTEX_WAKE");
    EXPECT_EQ(value(Kind::FutexOperation, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME), "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME");
}

TEST(ValuesTest, FileModes) {
    EXPECT_EQ(value(Kind::FileMode, S_IFREG | 0644), "S_IFREG|0644");
    EXPECT_EQ(value(Kind::FileMode, S_IFIFO | S_ISUID | 0600), "S_IFIFO|04600");
    EXPECT_EQ(value(Kind::FileMode, 0755), "0755");
}

TEST(ValuesTest, Quotes) {
    EXPECT_EQ(quoted("plain"), "\"plain\"");
    EXPECT_EQ(quoted("a\n\t\r\v\f\"\\"), R"("a\n\t\r\v\f\"\\")");
    EXPECT_EQ(quoted(std::string_view{"\0x\0001\1x\37\0379\177\377", 11}), R"("\0x\0001\1x\37\379\177\377")");
    EXPECT_EQ(text_of([](TextSink& out) { write_quoted(out, std::string_view{"ab"}, true); }), "\"ab\"...");
}

TEST(ValuesTest, EveryByteIsReadBackByACompiler) {
    // As the escapes of C are defined: up to three octal digits.
    for (unsigned first = 0; first < 256; ++first) {
        for (const char second : {'0', '7', '8', 'x'}) {
            const char bytes[2] = {static_cast<char>(first), second};
            const std::string text = quoted({bytes, 2});
            std::string back;
            for (size_t i = 1; i + 1 < text.size();) {
                if (text[i] != '\\') {
                    back += text[i++];
                    continue;
                }
                ++i;
                const std::string letters = "ntrvf\"\\", meant = "\n\t\r\v\f\"\\";
                if (const size_t at = letters.find(text[i]); at != std::string::npos) {
                    back += meant[at];
                    ++i;
                    continue;
                }
                unsigned value = 0;
                for (unsigned digits = 0; digits < 3 && text[i] >= '0' && text[i] <= '7'; ++digits) value = value * 8 + static_cast<unsigned>(text[i++] - '0');
                back += static_cast<char>(value);
            }
            EXPECT_EQ(back, (std::string{bytes, 2})) << text;
        }
    }
}

TEST(ValuesTest, Buffers) {
    UserMemory memory;
    const auto buffer = [](uint64_t address, uint64_t size) { return text_of([&](TextSink& out) { write_buffer(out, VirtualAddress{address}, size); }); };
    memory.put_text("0123456789012345678901234567890123456789");
    EXPECT_EQ(buffer(memory.address(), 4), "\"0123\"");
    EXPECT_EQ(buffer(memory.address(), 0), "\"\"");
    EXPECT_EQ(buffer(memory.address(), 32), "\"01234567890123456789012345678901\"");
    EXPECT_EQ(buffer(memory.address(), 33), "\"01234567890123456789012345678901\"...");
    EXPECT_EQ(buffer(memory.address(), ~uint64_t{0}), "\"01234567890123456789012345678901\"...");
    EXPECT_EQ(buffer(0, 5), "NULL");
    EXPECT_EQ(buffer(8, 5), "0x8");
    EXPECT_EQ(buffer(memory.end() - 2, 3), text_of([&](TextSink& out) { write_pointer(out, memory.end() - 2); }));
}

TEST(ValuesTest, Strings) {
    UserMemory memory;
    const auto string = [](uint64_t address, size_t longest) { return text_of([&](TextSink& out) { write_string(out, VirtualAddress{address}, longest); }); };
    EXPECT_EQ(string(memory.put_text("/etc/x"), longest_path), "\"/etc/x\"");
    EXPECT_EQ(string(memory.put_text(std::string(32, 'a')), longest_text), "\"" + std::string(32, 'a') + "\"");
    EXPECT_EQ(string(memory.put_text(std::string(33, 'a')), longest_text), "\"" + std::string(32, 'a') + "\"...");
    EXPECT_EQ(string(memory.put_text(std::string(255, 'a')), longest_path), "\"" + std::string(255, 'a') + "\"");
    EXPECT_EQ(string(memory.put_text(std::string(256, 'a')), longest_path), "\"" + std::string(255, 'a') + "\"...");
    // A string that ends where the memory ends, and one that does not.
    EXPECT_EQ(string(memory.put_text("end", 4096 - 4), longest_path), "\"end\"");
    memory.put('x', 4095);
    EXPECT_EQ(string(memory.end() - 1, longest_path), value(Kind::Pointer, memory.end() - 1));
    EXPECT_EQ(string(0, longest_path), "NULL");
}

TEST(ValuesTest, Errors) {
    const auto error = [](int code) { return text_of([&](TextSink& out) { write_error(out, code); }); };
    EXPECT_EQ(error(ENOENT), "-1 ENOENT (No such file or directory)");
    EXPECT_EQ(error(512), "? ERESTARTSYS (To be restarted if SA_RESTART is set)");
    EXPECT_EQ(error(514), "? ERESTARTNOHAND (To be restarted if no handler)");
    EXPECT_EQ(error(4000), "-1 (error 4000)");
}

TEST(ValuesTest, NamesOfErrorsAreTheHosts) {
    for (int code = 1; code < 134; ++code) {
        const std::string text = text_of([&](TextSink& out) { write_error(out, code); });
        if (text.find("(error") != std::string::npos) continue;
        EXPECT_EQ(text, std::string{"-1 "} + strerrorname_np(code) + " (" + strerrordesc_np(code) + ")");
    }
}

TEST(ValuesTest, NoSetOfNamesLosesABit) {
    for (auto kind = static_cast<unsigned>(first_names); kind < static_cast<unsigned>(Kind::Count_); ++kind) {
        for (unsigned bit = 0; bit < 32; ++bit) EXPECT_NE(value(static_cast<Kind>(kind), uint64_t{1} << bit), "") << kind;
        EXPECT_NE(value(static_cast<Kind>(kind), 0), "") << kind;
    }
}

}  // namespace

}  // namespace eremite::trace
