// Firmware's tables in any physical memory. Input: a byte of which bit 0 asks for right checksums, two bytes with the
// address of the root pointer, then the memory.
#include <cstdint>
#include <cstring>
#include <forward_list>
#include <numeric>
#include <vector>

#include "libos/platform/acpi.hpp"
#include "libos/platform/firmware_devices.hpp"
#include "libos/platform/processors.hpp"
#include "tests/fuzz/boot/require.hpp"
#include "tests/unit/platform/ports.hpp"

using namespace eremite;
using platform::PowerOffMethod;
using test::require;

namespace {

// Each answer is a copy of the exact size, so that AddressSanitizer sees a read behind it. A fuzzer does not find checksums:
// they can be made right on the way.
class CopyingView final : public platform::MemoryView {
public:
    CopyingView(std::span<const uint8_t> memory, bool right_checksums) : memory_{memory}, right_checksums_{right_checksums} {}
    std::optional<std::span<const uint8_t>> bytes(PhysicalAddress address, uint64_t length) override {
        if (address.value > memory_.size() || length > memory_.size() - address.value) return std::nullopt;
        const auto part = memory_.subspan(address.value, length);
        auto& copy = copies_.emplace_front(part.begin(), part.end());
        if (right_checksums_) correct(copy);
        return copy;
    }

private:
    static void correct(std::vector<uint8_t>& table) {
        const bool root = table.size() >= 8 && std::memcmp(table.data(), "RSD PTR ", 8) == 0;
        // The checksum of a table; of the root pointer's first 20 bytes; of all of it.
        const size_t at = !root ? 9 : table.size() == 20 ? 8 : 32;
        if (at >= table.size()) return;
        table[at] = 0;
        table[at] = static_cast<uint8_t>(-std::accumulate(table.begin(), table.end(), 0));
    }
    std::span<const uint8_t> memory_;
    bool right_checksums_;
    std::forward_list<std::vector<uint8_t>> copies_;
};

void check(const PowerOffMethod& method) {
    require(method.sleep_type_a <= 7 && method.sleep_type_b <= 7);
    test::Ports ports;
    // Firmware hands the registers over at once.
    ports[method.pm1a].in = [](unsigned) { return 1u; };
    acpi_power_off(method);
    switch (method.kind) {
    case PowerOffMethod::Kind::Pm1Control:
        require(method.pm1a != 0 && ports.writes().size() == (method.pm1b != 0 ? 2u : 1u));
        require(ports.writes()[0].port == method.pm1a && (ports.writes()[0].value >> 10 & 7) == method.sleep_type_a);
        return;
    case PowerOffMethod::Kind::SleepControlPort: require(method.sleep_port != 0 && ports.writes().size() == 1); return;
    case PowerOffMethod::Kind::SleepControlMemory: require(method.sleep_register.value != 0 && ports.writes().empty()); return;
    }
    require(false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 3) return 0;
    const PhysicalAddress root{uint64_t{data[1]} | uint64_t{data[2]} << 8};
    CopyingView view{{data + 3, size - 3}, (data[0] & 1) != 0};
    require(find_processors(root, view).count <= platform::Processors::most);
    if (const auto method = find_acpi_power_off(root, view)) check(*method);
    platform::VirtioMmioDevices devices;
    find_virtio_mmio_devices(root, view, devices);
    require(devices.count <= platform::VirtioMmioDevices::most);
    for (size_t i = 0; i < devices.count; ++i) require(!devices.devices[i].registers.empty() && devices.devices[i].registers.size() >= 0x100);
    const platform::PciHost host = find_pci_host(root, view);
    require(host.configuration.is_aligned(page_size) && host.window.start.value <= host.window.end.value && host.window.end.value <= uint64_t{1} << 32);
    require(find_io_apics(root, view).count <= platform::IoApics::most);
    const char* const text = reinterpret_cast<const char*>(data + 3);
    if (const auto announced = platform::parse_virtio_mmio_announcement({text, size - 3})) require(!announced->registers.empty());
    return 0;
}
