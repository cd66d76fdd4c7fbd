// Does what its argument names, and dies of it.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace {

// Volatile, so that the compiler does not see what is coming.
int* volatile null_pointer = nullptr;
volatile int zero = 0;
volatile uintptr_t nowhere = 0x123456789000;
alignas(16) unsigned char return_instruction[16] = {0xc3};

[[gnu::noinline]] int read_null() {
    return *null_pointer;
}

[[gnu::noinline]] int write_null() {
    *null_pointer = 1;
    return 1;
}

[[gnu::noinline]] int jump_nowhere() {
    reinterpret_cast<void (*)()>(nowhere)();
    return 1;
}

// Never ends, which the compiler must not see.
volatile bool deeper = true;

[[gnu::noinline]] int overflow_stack(volatile char* above) {
    volatile char frame[512];
    frame[0] = static_cast<char>(above[0] + 1);
    return (deeper ? overflow_stack(frame) : 0) + frame[0];
}

[[gnu::noinline]] int write_code() {
    std::memset(reinterpret_cast<void*>(&read_null), 0, 1);
    return 1;
}

[[gnu::noinline]] int execute_data() {
    reinterpret_cast<void (*)()>(reinterpret_cast<uintptr_t>(return_instruction))();
    return 1;
}

[[gnu::noinline]] int divide_by_zero() {
    return 10 / zero;
}

[[gnu::noinline]] int illegal_instruction() {
    asm volatile("ud2");
    return 1;
}

[[gnu::noinline]] int privileged_instruction() {
    asm volatile("cli");
    return 1;
}

[[gnu::noinline]] int non_canonical_address() {
    return *reinterpret_cast<volatile int*>(0x8000000000000000);
}

[[gnu::noinline]] int breakpoint() {
    asm volatile("int3");
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    std::puts("started");
    std::fflush(stdout);
    char top = 0;
    int result = 1;
    if (what == "read_null") result = read_null();
    if (what == "write_null") result = write_null();
    if (what == "jump_nowhere") result = jump_nowhere();
    if (what == "overflow_stack") result = overflow_stack(&top);
    if (what == "write_code") result = write_code();
    if (what == "execute_data") result = execute_data();
    if (what == "divide_by_zero") result = divide_by_zero();
    if (what == "illegal_instruction") result = illegal_instruction();
    if (what == "privileged_instruction") result = privileged_instruction();
    if (what == "non_canonical_address") result = non_canonical_address();
    if (what == "breakpoint") result = breakpoint();
    std::printf("survived: %d\n", result);
}
