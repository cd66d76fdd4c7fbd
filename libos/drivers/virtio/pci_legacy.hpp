#pragma once
// The PCI transport of before version 1 (virtio 1.2 section 4.1.4.10): registers at I/O ports, each access of which is a supervisor
// call. For transitional devices whose modern form is switched off.
#include "libos/drivers/virtio/pci_transport.hpp"

namespace eremite::virtio {

class PciLegacyTransport final : public PciTransport {
public:
    // ENXIO: it has no ports; ENOMEM.
    [[nodiscard]] static Result<Transport*> open(const pci::Function& function, uint32_t type, const pci::Msix& msix);

    [[nodiscard]] std::string_view name() const override { return "legacy PCI"; }
    [[nodiscard]] bool legacy() const override { return true; }
    [[nodiscard]] uint8_t status() override;
    void set_status(uint8_t status) override;
    [[nodiscard]] uint64_t offered_features() override;
    void accept_features(uint64_t features) override;
    [[nodiscard]] uint16_t queue_limit(uint16_t index) override;
    [[nodiscard]] bool has_fixed_queue_size() const override { return true; }
    [[nodiscard]] Result<void> start_queue(const Queue& queue, uint16_t interrupt) override;
    void notify(uint16_t index) override;
    [[nodiscard]] uint32_t read_configuration(uint32_t offset, unsigned width) override;
    void write_configuration(uint32_t offset, unsigned width, uint32_t value) override;
    [[nodiscard]] uint32_t configuration_generation() override { return 0; }

private:
    PciLegacyTransport(uint32_t type, const pci::Msix& msix, uint16_t ports, uint32_t count)
        : PciTransport{type, msix}, ports_{ports}, count_{count} {}
    [[nodiscard]] Result<void> set_configuration_interrupt(uint16_t entry) override;
    [[nodiscard]] uint16_t port(uint32_t offset) const { return static_cast<uint16_t>(ports_ + offset); }
    // The port of a field of the configuration; 0 beyond its end.
    [[nodiscard]] uint16_t configuration_port(uint32_t offset, unsigned width) const;

    const uint16_t ports_;
    const uint32_t count_;
};

}  // namespace eremite::virtio
