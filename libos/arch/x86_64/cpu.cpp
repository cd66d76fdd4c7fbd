#include "libos/arch/cpu.hpp"

#include <cpuid.h>

#include <cstring>

extern "C" bool try_rdseed(uint64_t* value);
extern "C" bool try_rdrand(uint64_t* value);

namespace eremite::arch {

namespace {

struct Cpuid {
    uint32_t eax, ebx, ecx, edx;
};

// Of what programs can use. What belongs to the machine (ids, page tables) is the supervisor's to ask: see abi::BootInfo::huge_pages.
Cpuid cpuid(uint32_t leaf, uint32_t subleaf = 0) {
    Cpuid r{};
    __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
    return r;
}

bool has_hypervisor() { return cpuid(1).ecx & 1u << 31; }

constexpr uint32_t hypervisor_base = 0x40000000, hypervisor_timing = 0x40000010;

// The hypervisor leaf that VMware defined and KVM and QEMU follow: eax = TSC kHz, ebx = APIC bus kHz.
Cpuid hypervisor_timing_leaf() {
    if (!has_hypervisor() || cpuid(hypervisor_base).eax < hypervisor_timing) return {};
    return cpuid(hypervisor_timing);
}

}  // namespace

std::optional<uint64_t> hardware_random() {
    // Intel's guide to RDRAND, 5.2.1: ten tries; a failure of all is a failure of the source.
    for (int attempt = 0; attempt < 10; ++attempt) {
        uint64_t value;
        if (try_rdseed(&value) || try_rdrand(&value)) return value;
    }
    return std::nullopt;
}

void set_thread_pointer(uint64_t value) {
    // SAFETY: CR4.FSGSBASE is set by the supervisor; the library OS itself does not use FS.
    asm volatile("wrfsbase %0" : : "r"(value));
}

uint64_t thread_pointer() {
    uint64_t value;
    // SAFETY: as above.
    asm volatile("rdfsbase %0" : "=r"(value));
    return value;
}

// Intel SDM vol. 3, 19.7.3: leaf 0x15 gives crystal Hz (ecx) and the ratio ebx/eax; leaf 0x16 the base MHz.
uint64_t announced_tsc_khz() {
    if (const Cpuid timing = hypervisor_timing_leaf(); timing.eax != 0) return timing.eax;
    const uint32_t highest = cpuid(0).eax;
    if (highest >= 0x15) {
        const Cpuid crystal = cpuid(0x15);
        if (crystal.eax != 0 && crystal.ebx != 0 && crystal.ecx != 0) return uint64_t{crystal.ecx} * crystal.ebx / crystal.eax / 1000;
    }
    if (highest >= 0x16 && !has_hypervisor()) return uint64_t{cpuid(0x16).eax & 0xffff} * 1000;
    return 0;
}

uint64_t announced_timer_khz() {
    if (const Cpuid timing = hypervisor_timing_leaf(); timing.ebx != 0) return timing.ebx;
    // Both emulate the APIC timer at one tick a nanosecond (QEMU hw/intc/apic.c, KVM APIC_BUS_CYCLE_NS).
    const std::string_view name = hypervisor_name();
    return emulated() || name.starts_with("KVMKVMKVM") ? 1'000'000 : 0;
}

std::string_view hypervisor_name() {
    if (!has_hypervisor()) return {};
    static constinit char name[13]{};
    const Cpuid r = cpuid(hypervisor_base);
    std::memcpy(name, &r.ebx, 4);
    std::memcpy(name + 4, &r.ecx, 4);
    std::memcpy(name + 8, &r.edx, 4);
    return {name, 12};
}

uint32_t kvm_features() { return hypervisor_name().starts_with("KVMKVMKVM") ? cpuid(hypervisor_base + 1).eax : 0; }

bool emulated() { return hypervisor_name() == "TCGTCGTCGTCG"; }

CpuDescription describe_cpu() {
    CpuDescription d{};
    const Cpuid vendor = cpuid(0);
    std::memcpy(d.vendor, &vendor.ebx, 4);
    std::memcpy(d.vendor + 4, &vendor.edx, 4);
    std::memcpy(d.vendor + 8, &vendor.ecx, 4);
    const Cpuid version = cpuid(1);
    const uint32_t family = version.eax >> 8 & 15;
    d.family = family == 15 ? family + (version.eax >> 20 & 255) : family;
    d.model = (version.eax >> 4 & 15) | (family == 6 || family == 15 ? version.eax >> 12 & 0xf0 : 0);
    d.stepping = version.eax & 15;
    d.hardware_capabilities = version.edx;
    if (cpuid(0x80000000).eax >= 0x80000004) {
        for (uint32_t i = 0; i < 3; ++i) {
            const Cpuid part = cpuid(0x80000002 + i);
            std::memcpy(d.brand + i * 16, &part, 16);
        }
    }
    return d;
}

size_t describe_features(char* buffer, size_t size) {
    struct Feature {
        char name[12];
        uint8_t source;  // index into `words`
        uint8_t bit;
    };
    static constexpr Feature features[] = {
        {"fpu", 0, 0}, {"tsc", 0, 4}, {"msr", 0, 5}, {"pae", 0, 6}, {"cx8", 0, 8}, {"apic", 0, 9}, {"cmov", 0, 15}, {"pat", 0, 16},
        {"clflush", 0, 19}, {"mmx", 0, 23}, {"fxsr", 0, 24}, {"sse", 0, 25}, {"sse2", 0, 26}, {"syscall", 4, 11}, {"nx", 4, 20},
        {"pdpe1gb", 4, 26}, {"rdtscp", 4, 27}, {"lm", 4, 29}, {"pni", 1, 0}, {"pclmulqdq", 1, 1}, {"ssse3", 1, 9}, {"fma", 1, 12},
        {"cx16", 1, 13}, {"sse4_1", 1, 19}, {"sse4_2", 1, 20}, {"movbe", 1, 22}, {"popcnt", 1, 23}, {"aes", 1, 25}, {"xsave", 1, 26},
        {"avx", 1, 28}, {"f16c", 1, 29}, {"rdrand", 1, 30}, {"hypervisor", 1, 31}, {"fsgsbase", 2, 0}, {"bmi1", 2, 3}, {"avx2", 2, 5},
        {"bmi2", 2, 8}, {"erms", 2, 9}, {"avx512f", 2, 16}, {"rdseed", 2, 18}, {"adx", 2, 19}, {"sha_ni", 2, 29}, {"pku", 3, 3},
    };
    const Cpuid basic = cpuid(1);
    const Cpuid extended = cpuid(0).eax >= 7 ? cpuid(7) : Cpuid{};
    const Cpuid amd = cpuid(0x80000000).eax >= 0x80000001 ? cpuid(0x80000001) : Cpuid{};
    const uint32_t words[] = {basic.edx, basic.ecx, extended.ebx, extended.ecx, amd.edx};
    size_t length = 0;
    for (const Feature& f : features) {
        if (!(words[f.source] >> f.bit & 1)) continue;
        const std::string_view name{f.name};
        if (length + name.size() + 1 > size) break;
        if (length != 0) buffer[length++] = ' ';
        std::memcpy(buffer + length, name.data(), name.size());
        length += name.size();
    }
    return length;
}

}  // namespace eremite::arch
