#include "user_memory.hpp"

#include <cstring>

#include "libos/arch/user_copy.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/sched/awaited_memory.hpp"
#include "libos/sched/threads.hpp"
#include "machine.hpp"

namespace eremite::test {

namespace {

constexpr unsigned words = 64, threads = 64;
Word shared_words[words];
alignas(64) uint8_t scratch_memory[threads][scratch_size];
int64_t times[threads][2];

// Of threads that live at the same time; ids grow with each.
unsigned slot() { return static_cast<unsigned>(sched::current_thread().id) % threads; }

}  // namespace

Word& word(unsigned number) {
    check(number < words, "a word");
    return shared_words[number];
}

void clear_words() {
    for (Word& w : shared_words) w = 0;
}

VirtualAddress timespec_of(Instant time) {
    int64_t(&own)[2] = times[slot()];
    own[0] = time.ns / 1'000'000'000;
    own[1] = time.ns % 1'000'000'000;
    return VirtualAddress{own};
}

uint8_t* scratch() { return scratch_memory[slot()]; }

}  // namespace eremite::test

namespace eremite::arch {

// A word as a whole, since the program may look at it at the same time, which is its own affair.
size_t user_copy(void* destination, const void* source, size_t size) {
    if (size == sizeof(uint32_t)) {
        uint32_t value;
        __atomic_load(static_cast<const uint32_t*>(source), &value, __ATOMIC_RELAXED);
        __atomic_store(static_cast<uint32_t*>(destination), &value, __ATOMIC_RELAXED);
    } else {
        std::memcpy(destination, source, size);
    }
    return 0;
}
size_t user_copy_now(void* destination, const void* source, size_t size) { return user_copy(destination, source, size); }
size_t user_zero(void* destination, size_t size) {
    std::memset(destination, 0, size);
    return 0;
}
bool user_load_word(const uint32_t* word, uint32_t* value) {
    __atomic_load(word, value, __ATOMIC_RELAXED);
    return true;
}
bool user_compare_exchange_word(uint32_t* word, uint32_t* expected, uint32_t desired) {
    (void)__atomic_compare_exchange_n(word, expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return true;
}

}  // namespace eremite::arch

namespace eremite::mm {

// Nothing here is mapped twice, so the object itself is never looked at.
alignas(AddressSpace) unsigned char no_address_space[sizeof(AddressSpace)];
AddressSpace& kernel_address_space() { return reinterpret_cast<AddressSpace&>(no_address_space); }
std::optional<uint64_t> AddressSpace::shared_identity(VirtualAddress) { return std::nullopt; }

}  // namespace eremite::mm

// All memory is there.
bool eremite::sched::await_memory() { return false; }
