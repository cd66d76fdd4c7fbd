#include "vmm/kvm/cpuid.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "vmm/error.hpp"

namespace eremite::vmm::kvm {

namespace {

// The head of struct kvm_cpuid2. Its flexible array makes the structure larger in C++ than in C with some headers, and the numbers of its ioctls.
struct Header {
    uint32_t count;
    uint32_t padding;
};
constexpr unsigned long get_supported = _IOWR(KVMIO, 0x05, Header), set = _IOW(KVMIO, 0x90, Header);
constexpr size_t most_leaves = 256;
struct Leaves {
    Header header;
    std::array<kvm_cpuid_entry2, most_leaves> entries;
};

// Intel's Software Developer's Manual, volume 2, CPUID; AMD's volume 3, appendix E.
constexpr uint32_t features = 1, topology = 0xb, new_topology = 0x1f, hypervisor = 0x40000000, hypervisor_timing = 0x40000010;
constexpr uint32_t hypervisor_present = uint32_t{1} << 31, tsc_deadline = uint32_t{1} << 24;

}  // namespace

std::vector<kvm_cpuid_entry2> supported_cpuid(const System& system, uint64_t tsc_khz) {
    Leaves supported{};
    supported.header.count = most_leaves;
    request(system.descriptor(), get_supported, "KVM_GET_SUPPORTED_CPUID", &supported);
    std::vector<kvm_cpuid_entry2> leaves{supported.entries.begin(), supported.entries.begin() + std::min<size_t>(supported.header.count, most_leaves)};
    for (kvm_cpuid_entry2& leaf : leaves) {
        if (leaf.function == features) {
            leaf.ecx |= hypervisor_present;
            // It is listed where the local APICs are KVM's own, as ours are.
            if (system.extension(KVM_CAP_TSC_DEADLINE_TIMER) > 0) leaf.ecx |= tsc_deadline;
        }
        if (leaf.function == hypervisor && tsc_khz != 0) leaf.eax = std::max(leaf.eax, hypervisor_timing);
    }
    // The frequencies of the counter and of the APICs' timers (1 GHz with KVM) in kHz, where VMware first had them.
    if (tsc_khz != 0) {
        kvm_cpuid_entry2 timing{};
        timing.function = hypervisor_timing;
        timing.eax = static_cast<uint32_t>(tsc_khz);
        timing.ebx = 1'000'000;
        std::erase_if(leaves, [](const kvm_cpuid_entry2& leaf) { return leaf.function == hypervisor_timing; });
        leaves.push_back(timing);
    }
    return leaves;
}

std::vector<kvm_cpuid_entry2> cpuid_of(std::vector<kvm_cpuid_entry2> leaves, unsigned id, unsigned count) {
    constexpr uint32_t hyper_threading = uint32_t{1} << 28;
    const auto width = static_cast<uint32_t>(std::bit_width(count - 1));
    for (kvm_cpuid_entry2& leaf : leaves) {
        switch (leaf.function) {
            case features:
                leaf.ebx = (leaf.ebx & 0xffff) | count << 16 | id << 24;
                leaf.edx = count > 1 ? leaf.edx | hyper_threading : leaf.edx & ~hyper_threading;
                break;
            // One package of cores with one thread each.
            case topology:
            case new_topology: {
                constexpr uint32_t thread_level = 1, core_level = 2;
                leaf.edx = id;
                leaf.ecx = leaf.index | (leaf.index == 0 ? thread_level : leaf.index == 1 ? core_level : 0) << 8;
                leaf.eax = leaf.index == 1 ? width : 0;
                leaf.ebx = leaf.index == 0 ? 1 : leaf.index == 1 ? count : 0;
                break;
            }
            default:
                break;
        }
    }
    return leaves;
}

void set_cpuid(int cpu, const std::vector<kvm_cpuid_entry2>& leaves) {
    Leaves all{};
    all.header.count = static_cast<uint32_t>(std::min(leaves.size(), most_leaves));
    std::copy_n(leaves.begin(), all.header.count, all.entries.begin());
    request(cpu, set, "KVM_SET_CPUID2", &all);
}

}  // namespace eremite::vmm::kvm
