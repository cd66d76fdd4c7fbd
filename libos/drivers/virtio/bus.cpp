#include "libos/drivers/virtio/bus.hpp"

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
    explicit Search(Vector<Found>& list, pci::AddressWindow window) : list_{list}, window_{window} {}

    void look_at(pci::Configuration& configuration) {
        configuration_ = &configuration;
        for_each_function(configuration, *this);
    }
    void found(const pci::Function& function) override {
        if (function.vendor() != virtio_vendor) return;
        // Where firmware has assigned addresses, nothing is left to do. It may have done so for some devices only.
        if (lacks_addresses(function)) {
            if (!std::exchange(window_known_, true)) exclude_assigned(*configuration_, window_);
            if (!assign_addresses(function, window_).ok()) log::warn("PCI: no addresses for a device");
        }
        add(open_pci_device(function));
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
    pci::Configuration* configuration_ = nullptr;
    pci::AddressWindow window_;
    bool window_known_ = false;
};

Vector<Found>& devices() {
    alignas(Vector<Found>) static constinit unsigned char storage[sizeof(Vector<Found>)]{};
    static constinit Vector<Found>* list = nullptr;
    if (!list) list = new (storage) Vector<Found>{};
    return *list;
}

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
    Search result{devices(), pci::AddressWindow{usable_window(host.window)}};

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

Result<Transport*> claim(uint32_t type) {
    const sync::Guard guard{lock};
    if (!searched) {
        searched = true;
        search();
    }
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
