// Vector and x87 registers, MXCSR and the x87 control word of a thread survive other threads: when it gives way, and when it is
// interrupted.
#include <cpuid.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>

namespace {

constexpr int threads = 4, rounds = 300;
std::atomic<int> failures = 0;

bool have_avx() {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return false;
    unsigned low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

const bool avx = have_avx();

struct alignas(32) Vectors {
    std::array<uint64_t, 64> words;
};

// Loads all vector registers, spins `turns` times, makes the system call `number` without arguments, and stores the registers.
void through_avx(const Vectors& in, Vectors& out, long number, long turns) {
    asm volatile(
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n vmovups \\n * 32(%[in]), %%ymm\\n\n .endr\n"
        "1: test %[turns], %[turns]\n jz 2f\n dec %[turns]\n jmp 1b\n"
        "2: syscall\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n vmovups %%ymm\\n, \\n * 32(%[out])\n .endr\n"
        : "+a"(number), [turns] "+r"(turns)
        : [in] "r"(in.words.data()), [out] "r"(out.words.data())
        : "rcx", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
          "xmm13", "xmm14", "xmm15");
}

void through_sse(const Vectors& in, Vectors& out, long number, long turns) {
    asm volatile(
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n movups \\n * 32(%[in]), %%xmm\\n\n .endr\n"
        "1: test %[turns], %[turns]\n jz 2f\n dec %[turns]\n jmp 1b\n"
        "2: syscall\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n movups %%xmm\\n, \\n * 32(%[out])\n .endr\n"
        : "+a"(number), [turns] "+r"(turns)
        : [in] "r"(in.words.data()), [out] "r"(out.words.data())
        : "rcx", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
          "xmm13", "xmm14", "xmm15");
}

void check(bool holds, const char* what, int round) {
    if (holds) return;
    ++failures;
    std::printf("round %d: %s changed\n", round, what);
}

// Half of the threads keep values in x87 registers meanwhile, with a precision of their own.
void round_trip(uint64_t seed, int round, bool x87, long number, long turns) {
    Vectors in{}, out{};
    for (size_t i = 0; i < in.words.size(); ++i)
        if (avx || i % 4 < 2) in.words[i] = seed * 0x9e3779b97f4a7c15 + i * 0xbf58476d1ce4e5b9 + static_cast<uint64_t>(round);
    const uint32_t mxcsr = 0x1f80 | (seed & 3) << 13;
    asm volatile("ldmxcsr %0" : : "m"(mxcsr));
    uint16_t control = static_cast<uint16_t>(0x37f & ~(x87 ? 0x300 : 0));
    long double kept = static_cast<long double>(seed) + 0.25L, back = 0;
    if (x87) asm volatile("fldcw %0\n fldt %1" : : "m"(control), "m"(kept));
    (avx ? through_avx : through_sse)(in, out, number, turns);
    uint16_t control_after = 0;
    if (x87) asm volatile("fstpt %0" : "=m"(back));
    asm volatile("fnstcw %0\n fninit" : "=m"(control_after));
    uint32_t mxcsr_after = 0;
    asm volatile("stmxcsr %0" : "=m"(mxcsr_after));
    check(in.words == out.words, "a vector register", round);
    check((mxcsr_after & ~0x3fu) == mxcsr, "MXCSR", round);
    check(!x87 || back == kept, "an x87 register", round);
    check(control_after == control, "the x87 control word", round);
}

void* run(void* argument) {
    const auto index = reinterpret_cast<uintptr_t>(argument);
    constexpr long yield = 24;  // sched_yield
    for (int round = 0; round < rounds; ++round) round_trip(index + 1, round, index % 2 != 0, yield, 0);
    // Longer than a slice, so that others come in between.
    for (int round = 0; round < 5; ++round) round_trip(index + 11, rounds + round, index % 2 != 0, yield, 3'000'000);
    return nullptr;
}

}  // namespace

int main() {
    std::array<pthread_t, threads> all;
    for (uintptr_t i = 0; i < threads; ++i)
        if (pthread_create(&all[i], nullptr, run, reinterpret_cast<void*>(i)) != 0) return 2;
    for (const pthread_t thread : all) pthread_join(thread, nullptr);
    std::printf("registers of %d threads: %d changes\n", threads, failures.load());
    return failures == 0 ? 0 : 1;
}
