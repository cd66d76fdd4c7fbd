#include "vmm/boot/acpi.hpp"

#include <cstring>
#include <numeric>
#include <string_view>
#include <vector>

namespace eremite::vmm {

namespace {

constexpr size_t length_at = 4, checksum_at = 9;

// A table as it grows; numbers are little-endian.
class Table {
public:
    // Section 5.2.6: the header that all but the RSDP have.
    Table(std::string_view signature, uint8_t revision) {
        text(signature);
        number(0, 4);  // length
        number(revision, 1);
        number(0, 1);  // checksum
        text("EREMIT");
        text("CELL    ");
        number(1, 4);
        text("EREM");
        number(1, 4);
    }
    void text(std::string_view text) {
        for (const char c : text) bytes_.push_back(static_cast<uint8_t>(c));
    }
    void number(uint64_t value, size_t bytes) {
        for (size_t i = 0; i < bytes; ++i) bytes_.push_back(static_cast<uint8_t>(value >> 8 * i));
    }
    void zeros(size_t count) { bytes_.insert(bytes_.end(), count, 0); }
    [[nodiscard]] size_t size() const { return bytes_.size(); }
    [[nodiscard]] const std::vector<uint8_t>& finish() {
        const auto length = static_cast<uint32_t>(bytes_.size());
        std::memcpy(bytes_.data() + length_at, &length, sizeof length);
        bytes_[checksum_at] = checksum(bytes_);
        return bytes_;
    }
    // What makes the sum of all bytes 0.
    [[nodiscard]] static uint8_t checksum(const std::vector<uint8_t>& bytes) {
        return static_cast<uint8_t>(-std::accumulate(bytes.begin(), bytes.end(), 0));
    }

private:
    std::vector<uint8_t> bytes_;
};

// Section 5.2.12
Table make_madt(unsigned cpus) {
    constexpr uint8_t local_apic = 0, io_apic = 1;
    Table madt{"APIC", 5};
    madt.number(local_apic_address, 4);
    madt.number(0, 4);  // no PICs beside it
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        madt.number(local_apic, 1);
        madt.number(8, 1);
        madt.number(cpu, 1);  // the processor's number
        madt.number(cpu, 1);  // its APIC's
        madt.number(1, 4);    // can be used
    }
    madt.number(io_apic, 1);
    madt.number(12, 1);
    madt.number(0, 2);
    madt.number(io_apic_address, 4);
    madt.number(0, 4);  // the first interrupt line
    return madt;
}

// Section 5.2.9. All that is not named here is 0: there is none.
Table make_fadt(uint64_t dsdt) {
    constexpr size_t boot_flags_at = 109, flags_at = 112, wide_dsdt_at = 140, size = 276;
    constexpr uint64_t no_vga = 1 << 2, no_clock = 1 << 5, hardware_reduced = 1 << 20;
    Table fadt{"FACP", 6};
    fadt.zeros(boot_flags_at - fadt.size());
    fadt.number(no_vga | no_clock, 2);
    fadt.zeros(flags_at - fadt.size());
    fadt.number(hardware_reduced, 4);
    fadt.zeros(wide_dsdt_at - fadt.size());
    fadt.number(dsdt, 8);
    fadt.zeros(size - fadt.size());
    return fadt;
}

}  // namespace

uint64_t write_acpi_tables(const GuestMemory& memory, unsigned cpus) {
    uint64_t next = acpi_tables_start;
    const auto place = [&memory, &next](const std::vector<uint8_t>& bytes) {
        constexpr uint64_t alignment = 16;
        const uint64_t at = next;
        std::memcpy(memory.piece(at, bytes.size()).data(), bytes.data(), bytes.size());
        next += (bytes.size() + alignment - 1) / alignment * alignment;
        return at;
    };
    const uint64_t dsdt = place(Table{"DSDT", 2}.finish());
    const uint64_t fadt = place(make_fadt(dsdt).finish());
    const uint64_t madt = place(make_madt(cpus).finish());
    Table xsdt{"XSDT", 1};
    xsdt.number(fadt, 8);
    xsdt.number(madt, 8);
    const uint64_t root = place(xsdt.finish());
    // Section 5.2.5.3: two sums, of the first 20 bytes and of all.
    constexpr size_t first_checksum_at = 8, second_checksum_at = 32;
    std::vector<uint8_t> rsdp;
    const auto add = [&rsdp](uint64_t value, size_t bytes) {
        for (size_t i = 0; i < bytes; ++i) rsdp.push_back(static_cast<uint8_t>(value >> 8 * i));
    };
    for (const char c : std::string_view{"RSD PTR \0EREMIT\2", 16}) rsdp.push_back(static_cast<uint8_t>(c));
    add(0, 4);  // no RSDT
    rsdp[first_checksum_at] = Table::checksum(rsdp);
    add(36, 4);
    add(root, 8);
    add(0, 4);
    rsdp[second_checksum_at] = Table::checksum(rsdp);
    return place(rsdp);
}

}  // namespace eremite::vmm
