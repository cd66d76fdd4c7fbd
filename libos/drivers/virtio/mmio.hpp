#pragma once
// The MMIO transport (virtio 1.2 section 4.2), version 2 and legacy version 1.
#include "libos/drivers/virtio/transport.hpp"
#include "libos/platform/firmware_devices.hpp"

namespace eremite::virtio {

class MmioTransport final : public Transport {
public:
    // ENODEV: there is no device behind these registers; errors of map_device_memory; ENOMEM.
    [[nodiscard]] static Result<Transport*> open(const platform::VirtioMmioDevice& device);

    [[nodiscard]] std::string_view name() const override { return legacy_ ? "legacy MMIO" : "MMIO"; }
    [[nodiscard]] uint32_t device_type() override;
    [[nodiscard]] bool legacy() const override { return legacy_; }
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
    [[nodiscard]] uint16_t interrupt_count() const override { return 1; }
    [[nodiscard]] Result<void> connect_interrupt(uint16_t entry, unsigned cpu, unsigned vector) override;
    void disconnect_interrupt(uint16_t entry) override;
    [[nodiscard]] Events acknowledge(uint16_t entry) override;

private:
    MmioTransport(VirtualAddress base, uint64_t size, uint32_t line, bool legacy) : base_{base}, size_{size}, line_{line}, legacy_{legacy} {}
    [[nodiscard]] uint32_t read(uint32_t offset) const;
    void write(uint32_t offset, uint32_t value) const;
    void write_address(uint32_t low_offset, PhysicalAddress address) const;
    [[nodiscard]] bool holds(uint32_t offset, unsigned width) const;

    const VirtualAddress base_;
    const uint64_t size_;
    const uint32_t line_;
    const bool legacy_;
};

}  // namespace eremite::virtio
