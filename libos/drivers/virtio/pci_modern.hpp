#pragma once
// The PCI transport as version 1 of virtio has it (virtio 1.2 section 4.1): structures in BARs, found by capabilities.
#include "base/vector.hpp"
#include "libos/drivers/virtio/pci_transport.hpp"

namespace eremite::virtio {

class PciModernTransport final : public PciTransport {
public:
    // ENXIO: the function does not have all structures; ENOMEM.
    [[nodiscard]] static Result<Transport*> open(const pci::Function& function, uint32_t type, const pci::Msix& msix);

    [[nodiscard]] std::string_view name() const override { return "PCI"; }
    [[nodiscard]] bool legacy() const override { return false; }
    [[nodiscard]] uint8_t status() override;
    void set_status(uint8_t status) override;
    [[nodiscard]] uint64_t offered_features() override;
    void accept_features(uint64_t features) override;
    [[nodiscard]] uint16_t queue_limit(uint16_t index) override;
    [[nodiscard]] Result<void> start_queue(const Queue& queue, uint16_t interrupt) override;
    void notify(uint16_t index) override;
    [[nodiscard]] uint32_t read_configuration(uint32_t offset, unsigned width) override;
    void write_configuration(uint32_t offset, unsigned width, uint32_t value) override;
    [[nodiscard]] uint32_t configuration_generation() override;

private:
    // A structure of the device in one of its BARs.
    struct Structure {
        VirtualAddress base{};
        uint64_t size = 0;  // 0: there is none
        [[nodiscard]] bool holds(uint64_t offset, uint64_t bytes) const { return offset <= size && bytes <= size - offset; }
    };
    struct Structures {
        Structure common, notification, configuration;
        uint32_t notification_multiplier = 0;
    };
    PciModernTransport(uint32_t type, const pci::Msix& msix, const Structures& found)
        : PciTransport{type, msix}, structures_{found} {}
    [[nodiscard]] static Result<Structures> find(const pci::Function& function);
    [[nodiscard]] static Structure map(const pci::Function& function, uint8_t capability, uint64_t least);
    [[nodiscard]] Result<void> set_configuration_interrupt(uint16_t entry) override;
    void write_address(uint32_t low_offset, PhysicalAddress address) const;

    const Structures structures_;
    Vector<VirtualAddress> doorbells_;  // of the queues
};

}  // namespace eremite::virtio
