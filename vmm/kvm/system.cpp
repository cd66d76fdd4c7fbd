#include "vmm/kvm/system.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <string>
#include <vector>

#include "vmm/error.hpp"

namespace eremite::vmm::kvm {

namespace {

// Above all memory and below the APICs: pages that Intel's processors want where they cannot run real mode by themselves.
constexpr uint64_t task_state_address = 0xfffbd000, identity_map_address = 0xfffbc000;

}  // namespace

void request(int fd, unsigned long number, const char* what, const void* argument) {
    if (::ioctl(fd, number, argument) < 0) throw system_error(what);
}

System::System() : fd_{::open("/dev/kvm", O_RDWR | O_CLOEXEC)} {
    if (!fd_) {
        if (errno == EACCES || errno == EPERM)
            throw Error{"this user may not open /dev/kvm: join the group kvm (usermod -aG kvm USER), or use --vmm qemu --accel tcg"};
        throw Error{"this host has no /dev/kvm: use --vmm qemu --accel tcg"};
    }
    if (::ioctl(fd_.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) throw Error{"/dev/kvm has another version of its interface"};
    constexpr int needed[] = {KVM_CAP_USER_MEMORY, KVM_CAP_IRQCHIP, KVM_CAP_IRQFD, KVM_CAP_IRQ_ROUTING, KVM_CAP_EXT_CPUID, KVM_CAP_IMMEDIATE_EXIT};
    for (const int capability : needed)
        if (extension(capability) <= 0) throw Error{"this host's KVM is too old (extension " + std::to_string(capability) + " is missing)"};
}

int System::extension(int capability) const { return ::ioctl(fd_.get(), KVM_CHECK_EXTENSION, capability); }

unsigned System::most_cpus() const {
    const int most = extension(KVM_CAP_MAX_VCPUS);
    return most > 0 ? static_cast<unsigned>(most) : 1;
}

VirtualMachine::VirtualMachine(const System& system, const GuestMemory& memory) : fd_{::ioctl(system.descriptor(), KVM_CREATE_VM, 0)} {
    if (!fd_) throw system_error("KVM_CREATE_VM");
    request(fd_.get(), KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", &identity_map_address);
    // By value, unlike the one before.
    if (::ioctl(fd_.get(), KVM_SET_TSS_ADDR, task_state_address) < 0) throw system_error("KVM_SET_TSS_ADDR");
    uint32_t slot = 0;
    for (const GuestMemory::Region& region : memory.regions()) {
        // SAFETY: KVM wants the address of the mapping as a number; the memory outlives the machine.
        const kvm_userspace_memory_region setting{.slot = slot++,
                                                  .flags = 0,
                                                  .guest_phys_addr = region.address,
                                                  .memory_size = region.bytes.size(),
                                                  .userspace_addr = reinterpret_cast<uint64_t>(region.bytes.data())};
        request(fd_.get(), KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &setting);
    }
    request(fd_.get(), KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP");
    // All lines go to the I/O APIC alone: nobody sets up the PICs that KVM makes beside it.
    struct Routing {
        uint32_t count, flags;
        kvm_irq_routing_entry entries[interrupt_lines];
    } routing{};
    routing.count = interrupt_lines;
    for (uint32_t line = 0; line < interrupt_lines; ++line) {
        routing.entries[line].gsi = line;
        routing.entries[line].type = KVM_IRQ_ROUTING_IRQCHIP;
        routing.entries[line].u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC, .pin = line};
    }
    // The structure's flexible array makes it larger in C++ than in C with some headers, and the number of its ioctl with it.
    struct RoutingHeader {
        uint32_t count, flags;
    };
    request(fd_.get(), _IOW(KVMIO, 0x6a, RoutingHeader), "KVM_SET_GSI_ROUTING", &routing);
}

void VirtualMachine::connect_interrupt(int event, uint32_t line) const {
    kvm_irqfd setting{};
    setting.fd = static_cast<uint32_t>(event);
    setting.gsi = line;
    request(fd_.get(), KVM_IRQFD, "KVM_IRQFD", &setting);
}

bool VirtualMachine::connect_notification(int event, uint64_t address, uint32_t value) const {
    kvm_ioeventfd setting{};
    setting.datamatch = value;
    setting.addr = address;
    setting.len = sizeof value;
    setting.fd = event;
    setting.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
    return ::ioctl(fd_.get(), KVM_IOEVENTFD, &setting) == 0;
}

}  // namespace eremite::vmm::kvm
