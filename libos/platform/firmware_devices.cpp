#include "libos/platform/firmware_devices.hpp"

#include "libos/platform/aml_reader.hpp"

namespace eremite::platform {

namespace {

// Where `name` stands in `code` from `from` on; the end when it does not.
size_t find_name(Bytes code, std::string_view name, size_t from) {
    for (size_t at = from; at + name.size() <= code.size(); ++at)
        if (starts_with(code.subspan(at), name)) return at;
    return code.size();
}

// A resource template (section 6.4): descriptors, small ones with the length in their first byte, large ones with two bytes of it.
// Calls visit(tag, fields) for each large one.
template <typename Visitor>
void for_each_resource(Bytes bytes, Visitor&& visit) {
    constexpr uint8_t large = 0x80, small_length = 7, end_tag = 0x0f;
    while (bytes.size() >= 3) {
        const uint8_t tag = bytes[0];
        if (!(tag & large)) {
            if (tag >> 3 == end_tag || bytes.size() < 1u + (tag & small_length)) return;
            bytes = bytes.subspan(1 + (tag & small_length));
            continue;
        }
        const auto length = field<uint16_t>(bytes, 1);
        if (bytes.size() - 3 < length) return;
        visit(tag, bytes.subspan(3, length));
        bytes = bytes.subspan(3 + length);
    }
}

// What follows the name of an object that is a buffer (section 20.2.5.4).
std::optional<Bytes> read_buffer(Bytes code) {
    constexpr uint8_t buffer_op = 0x11;
    AmlReader reader{code};
    if (reader.byte() != buffer_op) return std::nullopt;
    auto contents = reader.package();
    if (!contents || !contents->integer()) return std::nullopt;
    return contents->rest();
}

bool is_sound(PhysicalRange registers) {
    constexpr uint64_t smallest = 0x100;
    return registers.end > registers.start && registers.size() >= smallest && registers.size() <= page_size * 16 && registers.start.value >= page_size;
}

// The registers and the line in a device's current resources (sections 6.4.3.4 and 6.4.3.6).
std::optional<VirtioMmioDevice> read_resources(Bytes resources) {
    constexpr uint8_t memory32 = 0x86, interrupt = 0x89, address64 = 0x8a;
    VirtioMmioDevice device{};
    bool has_line = false;
    for_each_resource(resources, [&](uint8_t tag, Bytes fields) {
        if (tag == memory32) {
            device.registers.start = PhysicalAddress{field<uint32_t>(fields, 1)};
            device.registers.end = device.registers.start + field<uint32_t>(fields, 5);
        } else if (tag == address64) {
            device.registers.start = PhysicalAddress{field<uint64_t>(fields, 11)};
            device.registers.end = device.registers.start + field<uint64_t>(fields, 35);
        } else if (tag == interrupt && field<uint8_t>(fields, 1) > 0) {
            device.interrupt_line = field<uint32_t>(fields, 2);
            has_line = true;
        }
    });
    return has_line && is_sound(device.registers) ? std::optional{device} : std::nullopt;
}

// Decimal, or hexadecimal behind "0x".
std::optional<uint64_t> take_number(std::string_view& text) {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    if (hexadecimal) text.remove_prefix(2);
    uint64_t value = 0;
    size_t digits = 0;
    for (; !text.empty(); text.remove_prefix(1), ++digits) {
        const char c = text[0];
        const int digit = c >= '0' && c <= '9' ? c - '0' : !hexadecimal ? 99 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
        if (digit == 99) break;
        if (value >> 58 != 0) return std::nullopt;
        value = value * (hexadecimal ? 16 : 10) + static_cast<uint64_t>(digit);
    }
    return digits > 0 ? std::optional{value} : std::nullopt;
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

// The largest window of 32-bit addresses that a host bridge passes on (section 6.4.3.5.2), above what is reserved for old devices.
PhysicalRange largest_window(Bytes code) {
    constexpr std::string_view descriptor{"\x87\x17\0\0", 4};  // address space of 23 bytes, a memory range
    constexpr size_t granularity = 6, minimum = 10, maximum = 14, translation = 18, length = 22, size = 26;
    constexpr uint64_t old_devices = 1 << 20, useful = 1 << 20;
    PhysicalRange best{};
    for (size_t at = find_name(code, descriptor, 0); at < code.size(); at = find_name(code, descriptor, at + 1)) {
        const Bytes d = code.subspan(at);
        const PhysicalRange window{{field<uint32_t>(d, minimum)}, PhysicalAddress{field<uint32_t>(d, maximum)} + 1};
        const bool sound = d.size() >= size && field<uint32_t>(d, granularity) == 0 && field<uint32_t>(d, translation) == 0 &&
                           window.end > window.start && window.size() == field<uint32_t>(d, length) && window.start.value >= old_devices &&
                           window.size() >= useful && window.start.is_aligned(page_size) && window.end.is_aligned(page_size);
        if (sound && window.size() > best.size()) best = window;
    }
    return best;
}

// The base address as an object or as a method that returns it (PCI Firmware 3.3, 4.1.3).
PhysicalAddress read_base_object(Bytes code) {
    constexpr std::string_view name = "_CBA";
    constexpr uint8_t name_op = 0x08, return_op = 0xa4;
    const size_t at = find_name(code, name, 0);
    if (at == code.size() || at == 0) return {};
    AmlReader reader{code.subspan(at + name.size())};
    if (code[at - 1] != name_op) {
        const auto flags = reader.byte();
        if (!flags || reader.byte() != return_op) return {};
    }
    return PhysicalAddress{reader.integer().value_or(0)};
}

}  // namespace

void find_virtio_mmio_devices(PhysicalAddress rsdp, MemoryView& memory, VirtioMmioDevices& found) {
    const auto tables = read_acpi_root(memory, rsdp);
    if (!tables) return;
    tables->any_definition_block(memory, [&found](Bytes code) {
        constexpr std::string_view id = "LNRO0005", resources = "_CRS";
        for (size_t at = find_name(code, id, 0); at < code.size();) {
            const size_t next = find_name(code, id, at + id.size());
            const Bytes device = code.subspan(at, next - at);
            const size_t name = find_name(device, resources, 0);
            if (name < device.size()) {
                const auto buffer = read_buffer(device.subspan(name + resources.size()));
                const auto described = buffer ? read_resources(*buffer) : std::nullopt;
                if (described) found.add(*described);
            }
            at = next;
        }
        return false;
    });
}

std::optional<VirtioMmioDevice> parse_virtio_mmio_announcement(std::string_view text) {
    auto size = take_number(text);
    if (!size) return std::nullopt;
    if (take(text, 'K') || take(text, 'k')) *size = *size < 1 << 20 ? *size << 10 : 0;
    if (!take(text, '@')) return std::nullopt;
    const auto address = take_number(text);
    if (!address || !take(text, ':')) return std::nullopt;
    const auto line = take_number(text);
    if (!line || *line > UINT32_MAX) return std::nullopt;
    if (take(text, ':') && !take_number(text)) return std::nullopt;
    const VirtioMmioDevice device{{{*address}, PhysicalAddress{*address + *size}}, static_cast<uint32_t>(*line)};
    return text.empty() && is_sound(device.registers) ? std::optional{device} : std::nullopt;
}

PciHost find_pci_host(PhysicalAddress rsdp, MemoryView& memory) {
    PciHost host;
    const auto tables = read_acpi_root(memory, rsdp);
    if (!tables) return host;
    // PCI Firmware 3.3, 4.1.2: entries of 16 bytes with base, segment, first and last bus. Further segments are not for the devices
    // of a virtual machine.
    tables->any(memory, "MCFG", [&host](Bytes table) {
        constexpr size_t list_at = 44, entry_size = 16, segment = 8, first_bus = 10, last_bus = 11;
        for (size_t at = list_at; at + entry_size <= table.size(); at += entry_size) {
            if (field<uint16_t>(table, at + segment) != 0 || table[at + first_bus] != 0) continue;
            host.configuration = PhysicalAddress{field<uint64_t>(table, at)};
            host.last_bus = table[at + last_bus];
            return true;
        }
        return false;
    });
    tables->any_definition_block(memory, [&host](Bytes code) {
        const PhysicalRange window = largest_window(code);
        if (window.size() > host.window.size()) host.window = window;
        if (host.configuration.value == 0) {
            host.configuration = read_base_object(code);
            host.last_bus = UINT8_MAX;
        }
        return false;
    });
    if (!host.configuration.is_aligned(page_size)) host.configuration = {};
    return host;
}

// Section 5.2.12.3
IoApics find_io_apics(PhysicalAddress rsdp, MemoryView& memory) {
    IoApics found;
    const auto tables = read_acpi_root(memory, rsdp);
    if (!tables) return found;
    tables->any(memory, "APIC", [&found](Bytes table) {
        for_each_madt_entry(table, [&found](uint8_t type, Bytes entry) {
            constexpr uint8_t io_apic = 1;
            const PhysicalAddress registers{field<uint32_t>(entry, 4)};
            if (type == io_apic && registers.value != 0 && registers.is_aligned(16) && found.count < IoApics::most)
                found.controllers[found.count++] = {registers, field<uint32_t>(entry, 8)};
        });
        return true;
    });
    return found;
}

}  // namespace eremite::platform
