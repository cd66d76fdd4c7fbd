// The packets that look at the machine and change it while it stands.
#include <algorithm>

#include "vmm/gdb/hex.hpp"
#include "vmm/gdb/stub.hpp"

namespace eremite::vmm::gdb {

namespace {

// Errors have numbers that GDB only shows.
constexpr const char* wrong = "E01", *no_memory = "E0e", *full = "E1c";
// In hexadecimal it fits into a packet.
constexpr uint64_t most_memory = PacketReader::longest / 2 - 16;

// `address,length` at the front.
std::optional<std::pair<uint64_t, uint64_t>> take_range(std::string_view& words) {
    const auto address = take_number(words);
    if (!address || !skip(words, ",")) return std::nullopt;
    const auto length = take_number(words);
    if (!length) return std::nullopt;
    return std::pair{*address, *length};
}

}  // namespace

std::string Stub::read_registers() {
    RegisterFile registers;
    return target_.read_registers(general_, registers) ? hex_of(registers.all()) : wrong;
}

std::string Stub::write_registers(std::string_view hex) {
    RegisterFile registers;
    return bytes_of(hex, registers.all()) && target_.write_registers(general_, registers) ? "OK" : wrong;
}

std::string Stub::read_register(std::string_view number) {
    RegisterFile registers;
    const auto which = take_number(number);
    if (!which || *which >= RegisterCount || !number.empty() || !target_.read_registers(general_, registers)) return wrong;
    return hex_of(registers.bytes(*which));
}

std::string Stub::write_register(std::string_view words) {
    RegisterFile registers;
    const auto which = take_number(words);
    if (!which || *which >= RegisterCount || !skip(words, "=") || !target_.read_registers(general_, registers)) return wrong;
    return bytes_of(words, registers.bytes(*which)) && target_.write_registers(general_, registers) ? "OK" : wrong;
}

std::string Stub::read_memory(std::string_view words) {
    const auto range = take_range(words);
    if (!range || !words.empty()) return wrong;
    std::vector<std::byte> bytes(std::min(range->second, most_memory));
    const size_t there = target_.read_memory(general_, range->first, bytes);
    if (there == 0 && !bytes.empty()) return no_memory;
    return hex_of(std::span{bytes}.first(there));
}

std::string Stub::write_memory(std::string_view words, bool binary) {
    const auto range = take_range(words);
    if (!range || !skip(words, ":") || range->second > PacketReader::longest) return wrong;
    std::vector<std::byte> bytes(range->second);
    if (binary) {
        if (words.size() != bytes.size()) return wrong;
        std::ranges::transform(words, bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
    } else if (!bytes_of(words, bytes)) {
        return wrong;
    }
    return target_.write_memory(general_, range->first, bytes) ? "OK" : no_memory;
}

// Z and z: kind,address,length, where the length of breakpoints does not matter on x86. Conditions and commands are not offered.
std::string Stub::change_breakpoint(std::string_view words, bool insert) {
    const auto kind = take_number(words);
    if (!kind || !skip(words, ",")) return wrong;
    const auto range = take_range(words);
    if (!range) return wrong;
    if (*kind > static_cast<uint64_t>(Breakpoint::Kind::WatchAccesses)) return {};
    Breakpoint breakpoint{.kind = static_cast<Breakpoint::Kind>(*kind), .address = range->first};
    if (breakpoint.kind >= Breakpoint::Kind::WatchWrites) breakpoint.length = range->second;
    if (!insert) {
        target_.remove(breakpoint);
        return "OK";
    }
    switch (target_.insert(general_, breakpoint)) {
        case Target::Insertion::Done: return "OK";
        case Target::Insertion::Full: return full;
        case Target::Insertion::Unsupported: break;
    }
    return {};
}

}  // namespace eremite::vmm::gdb
