#include "libos/drivers/virtio/bus.hpp"

#include <linux/pci_regs.h>

#include <utility>

#include "base/vector.hpp"
#include "libos/drivers/device_memory.hpp"
#include "libos/drivers/io_apic.hpp"
#include "libos/drivers/pci/bus.hpp"
#include "libos/drivers/virtio/mmio.hpp"
#include "libos/drivers/virtio/pci_transport.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/platform/firmware_devices.hpp"
#include "libos/platform/firmware_memory.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::virtio {

namespace {

constinit sync::Spinlock lock{sync::Rank::Devices};
constinit Machine machine{};
constinit bool searched = false;

// A device that nobody has yet.
struct Found {
    Transport* transport;
    uint32_t type;
};

class Search final : public pci::Visitor {
public:
    Search(Vector<Found>& list, Vector<pci::Function>& others, pci::AddressWindow window) : list_{list}, others_{others}, window_{window} {}

    void look_at(pci::Configuration& configuration) {
        configuration_ = &configuration;
        for_each_function(configuration, *this);
    }
    void found(const pci::Function& function) override {
        constexpr uint8_t network = 0x02;  // PCI Code and ID Assignment, chapter 1
        const bool other = function.vendor() != virtio_vendor;
        if (other && function.read8(PCI_CLASS_DEVICE + 1) != network) return;
        // Where firmware has assigned addresses, nothing is left to do. It may have done so for some devices only.
        if (lacks_addresses(function)) {
            if (!std::exchange(window_known_, true)) exclude_assigned(*configuration_, window_);
            if (!assign_addresses(function, window_).ok()) log::warn("PCI: no addresses for a device");
        }
        if (!other) add(open_pci_device(function));
        else if (!others_.push_back(function).ok()) log::warn("too little memory for a PCI device");
    }
    void add(Result<Transport*> opened) {
        if (!opened.ok()) {
            if (opened.code() != ENODEV) log::warn("virtio: a device cannot be used: error {}", opened.code());
            return;
        }
        const uint32_t type = opened.value()->device_type();
        log::debug("virtio device of type {}: {}", type, opened.value()->name());
        if (!list_.push_back({opened.value(), type}).ok()) log::warn("too little memory for a virtio device");
    }

private:
    Vector<Found>& list_;
    Vector<pci::Function>& others_;
    pci::Configuration* configuration_ = nullptr;
    pci::AddressWindow window_;
    bool window_known_ = false;
};

template <typename T>
Vector<T>& listed() {
    alignas(Vector<T>) static constinit unsigned char storage[sizeof(Vector<T>)]{};
    static constinit Vector<T>* list = nullptr;
    if (!list) list = new (storage) Vector<T>{};
    return *list;
}
Vector<Found>& devices() { return listed<Found>(); }
Vector<pci::Function>& other_functions() { return listed<pci::Function>(); }

// Of what firmware calls the bridge's window, what is surely free: it must not hold RAM.
PhysicalRange usable_window(PhysicalRange window) {
    // Where the PCs and microvm of QEMU have their devices, if firmware does not say.
    if (window.empty()) window = {{0xc0000000}, {0xe0000000}};
    return drivers::may_hold_devices(window) ? window : PhysicalRange{};
}

void search() {
    platform::FirmwareMemory memory{mm::kernel_address_space()};
    drivers::set_io_apics(platform::find_io_apics(machine.acpi_root, memory));
    const platform::PciHost host = platform::find_pci_host(machine.acpi_root, memory);
    Search result{devices(), other_functions(), pci::AddressWindow{usable_window(host.window)}};

    platform::VirtioMmioDevices by_memory;
    for (const std::string_view text : machine.announcements) {
        if (const auto device = platform::parse_virtio_mmio_announcement(text)) by_memory.add(*device);
        else log::warn("malformed kernel argument: virtio_mmio.device={}", text);
    }
    platform::find_virtio_mmio_devices(machine.acpi_root, memory, by_memory);
    for (size_t i = 0; i < by_memory.count; ++i) {
        result.add(MmioTransport::open(by_memory.devices[i]));
    }

    // The functions that are found go on using it.
    static constinit pci::MemoryConfiguration in_memory{};
    static constinit pci::PortConfiguration at_ports{};
    if (host.configuration.value != 0) {
        in_memory = {host.configuration, host.last_bus};
        result.look_at(in_memory);
    } else if (pci::PortConfiguration::present()) {
        result.look_at(at_ports);
    }
}

}  // namespace

void set_machine(const Machine& known) { machine = known; }

Result<drivers::pci::Function> claim_other(uint16_t vendor, uint16_t device) {
    const sync::Guard guard{lock};
    if (!std::exchange(searched, true)) search();
    Vector<pci::Function>& list = other_functions();
    for (size_t i = 0; i < list.size(); ++i) {
        const pci::Function function = list[i];
        if (function.vendor() != vendor || function.device() != device) continue;
        list.erase(i);
        return function;
    }
    return Error{ENODEV};
}

Result<Transport*> claim(uint32_t type) {
    const sync::Guard guard{lock};
    if (!std::exchange(searched, true)) search();
    Vector<Found>& list = devices();
    for (size_t i = 0; i < list.size(); ++i) {
        if (list[i].type != type) continue;
        Transport* const transport = list[i].transport;
        list.erase(i);
        return transport;
    }
    return Error{ENODEV};
}

}  // namespace eremite::virtio
