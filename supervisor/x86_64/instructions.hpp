#pragma once
// The privileged instructions, one function each. SAFETY of every asm block here: it runs in ring 0 on values that this
// folder made or checked; outputs and clobbers are complete.
#include <cstdint>

namespace eremite::supervisor {

struct CpuidResult {
    uint32_t eax, ebx, ecx, edx;
};

inline CpuidResult cpuid(uint32_t leaf, uint32_t subleaf = 0) {
    CpuidResult r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

inline uint64_t read_msr(uint32_t index) {
    uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return uint64_t{high} << 32 | low;
}

inline void write_msr(uint32_t index, uint64_t value) {
    asm volatile("wrmsr" : : "c"(index), "a"(static_cast<uint32_t>(value)), "d"(static_cast<uint32_t>(value >> 32)) : "memory");
}

inline uint64_t read_cr2() { uint64_t v; asm volatile("mov %%cr2, %0" : "=r"(v)); return v; }
inline uint64_t read_cr3() { uint64_t v; asm volatile("mov %%cr3, %0" : "=r"(v)); return v; }
inline void write_cr3(uint64_t v) { asm volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
inline uint64_t read_cr4() { uint64_t v; asm volatile("mov %%cr4, %0" : "=r"(v)); return v; }
inline void write_cr4(uint64_t v) { asm volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }
inline void invlpg(uint64_t address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }
inline void write_xcr0(uint64_t v) { asm volatile("xsetbv" : : "c"(0), "a"(static_cast<uint32_t>(v)), "d"(static_cast<uint32_t>(v >> 32))); }

inline uint8_t in8(uint16_t port) { uint8_t v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
inline uint16_t in16(uint16_t port) { uint16_t v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
inline uint32_t in32(uint16_t port) { uint32_t v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }
inline void out8(uint16_t port, uint8_t v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
inline void out16(uint16_t port, uint16_t v) { asm volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
inline void out32(uint16_t port, uint32_t v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
inline void out_string(uint16_t port, const void* bytes, uint64_t count) {
    asm volatile("rep outsb" : "+S"(bytes), "+c"(count) : "d"(port) : "memory");
}

struct [[gnu::packed]] DescriptorTablePointer {
    uint16_t limit;
    uint64_t base;
};
inline void load_idt(const DescriptorTablePointer& p) { asm volatile("lidt %0" : : "m"(p)); }
// An exchange is a full barrier.
inline void exchange(volatile uint32_t& place, uint32_t value) { asm volatile("xchg %0, %1" : "+r"(value), "+m"(place) : : "memory"); }
inline uint64_t exchange(volatile uint64_t& place, uint64_t value) {
    asm volatile("xchg %0, %1" : "+r"(value), "+m"(place) : : "memory");
    return value;
}
inline void load_gdt(const DescriptorTablePointer& p) { asm volatile("lgdt %0" : : "m"(p)); }
inline void load_task_register(uint16_t selector) { asm volatile("ltr %0" : : "r"(selector)); }

// Ends the machine when nothing else did: a fault that cannot be delivered.
[[noreturn]] inline void triple_fault() {
    const DescriptorTablePointer none{0, 0};
    load_idt(none);
    for (;;) asm volatile("ud2");
}

}  // namespace eremite::supervisor
