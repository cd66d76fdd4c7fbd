#pragma once
// The rest of the kernel for tests of the file layer: host memory at the direct map's address is physical memory, memory
// below the direct map is the program's, the console is two strings, and time stands still unless it is moved.
#include <cstdint>
#include <string>

#include "libos/fs/root.hpp"
#include "libos/process/process.hpp"

namespace eremite::test {

// Gives the page allocator its memory, once. Returns how many pages are free.
uint64_t start_machine();

// A fresh program with the usual file tree and standard streams: what current_process() returns while it lives.
class Program {
public:
    Program();
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    process::Process& operator*() { return *process_; }
    process::Process* operator->() { return process_; }

private:
    process::Process* process_;
};

// Lets the n-th allocation of a kernel object from now on fail (0: the next one), and all after it, while it lives.
class FailingHeap {
public:
    explicit FailingHeap(int64_t successes);
    ~FailingHeap();
};

// Takes all pages but `left` out of the machine's allocator while it lives.
class Hunger {
public:
    explicit Hunger(uint64_t left);
    ~Hunger();

private:
    uint64_t chain_ = 0;
};

struct Console {
    std::string output;
    std::string errors;
    std::string input;
    bool terminal = false;
    bool full = false;  // there is no room for output
};
extern Console console;

// Nanoseconds since boot.
extern int64_t now;

// `size` bytes of the program's memory; given back with release_user_memory().
void* user_memory(size_t size);
void release_user_memory(void* memory, size_t size);

}  // namespace eremite::test
