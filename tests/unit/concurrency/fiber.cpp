#include "fiber.hpp"

#include <sanitizer/tsan_interface.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace eremite::test {

namespace {

constexpr size_t stack_size = 256 * 1024;

}  // namespace

Fiber::Fiber() : known_as_{__tsan_get_current_fiber()} {}

Fiber::Fiber(std::function<void()> entry) : known_as_{__tsan_create_fiber(0)}, entry_{std::move(entry)} {
    stack_ = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack_ == MAP_FAILED || getcontext(&context_) != 0) std::abort();
    context_.uc_stack.ss_sp = stack_;
    context_.uc_stack.ss_size = stack_size;
    const auto self = reinterpret_cast<uint64_t>(this);
    makecontext(&context_, reinterpret_cast<void (*)()>(start), 2, static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

Fiber::~Fiber() {
    if (!stack_) return;
    __tsan_destroy_fiber(known_as_);
    munmap(stack_, stack_size);
}

void Fiber::start(unsigned high, unsigned low) {
    reinterpret_cast<Fiber*>(uint64_t{high} << 32 | low)->entry_();
    std::abort();
}

// Not watched itself: it begins on one stack and ends on another. The switch orders what both do, as a CPU's own order does.
__attribute__((noinline, no_sanitize_thread)) void Fiber::switch_to(Fiber& to) {
    __tsan_switch_to_fiber(to.known_as_, 0);
    swapcontext(&context_, &to.context_);
}

}  // namespace eremite::test
