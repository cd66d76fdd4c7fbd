#pragma once
// What the trace needs of the rest of the kernel: the program's memory, a clock, threads, the console.
#include <cstdint>
#include <cstring>
#include <string>

#include "base/format.hpp"

namespace eremite::test {

// Memory as a program's, below the direct map.
class UserMemory {
public:
    explicit UserMemory(size_t size = 4096);
    UserMemory(const UserMemory&) = delete;
    UserMemory& operator=(const UserMemory&) = delete;
    ~UserMemory();
    [[nodiscard]] uint64_t address() const { return reinterpret_cast<uint64_t>(bytes_); }
    [[nodiscard]] uint64_t end() const { return address() + size_; }
    // Copies an object to the start, or `at` bytes behind it. Returns its address.
    template <typename T>
    uint64_t put(const T& object, size_t at = 0) {
        std::memcpy(bytes_ + at, &object, sizeof object);
        return address() + at;
    }
    uint64_t put_text(const std::string& text, size_t at = 0) {
        std::memcpy(bytes_ + at, text.c_str(), text.size() + 1);
        return address() + at;
    }

private:
    char* bytes_;
    size_t size_;
};

// What `write` gives out.
template <typename Write>
std::string text_of(Write&& write) {
    char bytes[4096];
    BufferSink sink{bytes};
    write(sink);
    return std::string{sink.view()};
}

extern int64_t now;            // nanoseconds
extern int thread_id;          // of the running thread: 1 to 3
extern std::string console;    // what was written to the log
extern unsigned console_writes;

}  // namespace eremite::test
