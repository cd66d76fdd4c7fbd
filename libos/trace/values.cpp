#include "libos/trace/values.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>

#include "libos/mm/user_memory.hpp"
#include "libos/trace/name_sets.hpp"

namespace eremite::trace {

namespace {

void write_octal(TextSink& out, uint64_t value) {
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = static_cast<char>('0' + value % 8);
        value /= 8;
    } while (value != 0);
    if (digits[at] != '0') digits[--at] = '0';
    out.write({digits + at, sizeof digits - at});
}

// Real-time signals are counted from the second on: the first is called after the range.
void write_signal(TextSink& out, uint64_t number, std::string_view prefix) {
    constexpr uint64_t first_real_time = 32, last = 64;
    const std::string_view name = short_name(Kind::SignalName, number);
    if (!name.empty()) format(out, "{}{}", prefix, name);
    else if (number > first_real_time && number <= last) format(out, "{}RT_{}", prefix, number - first_real_time);
    else format(out, "{}", static_cast<int32_t>(number));
}

// "[INT TERM]", or what is missing where that is less: "~[KILL STOP]".
void write_mask(TextSink& out, uint64_t mask) {
    constexpr unsigned half = 32;
    unsigned count = 0;
    for (uint64_t left = mask; left != 0; left &= left - 1) ++count;
    const bool inverted = count >= half;
    if (inverted) mask = ~mask;
    out.write(inverted ? "~[" : "[");
    for (bool first = true; mask != 0; mask &= mask - 1, first = false) {
        if (!first) out.write(" ");
        write_signal(out, static_cast<uint64_t>(std::countr_zero(mask)) + 1, "");
    }
    out.write("]");
}

void write_futex_operation(TextSink& out, uint64_t operation) {
    write_names(out, Kind::FutexCommand, operation & static_cast<uint32_t>(FUTEX_CMD_MASK));
    if (operation & FUTEX_PRIVATE_FLAG) out.write("_PRIVATE");
    if (operation & FUTEX_CLOCK_REALTIME) out.write("|FUTEX_CLOCK_REALTIME");
}

void write_file_mode(TextSink& out, uint64_t mode) {
    if (mode & S_IFMT) {
        write_names(out, Kind::FileType, mode & S_IFMT);
        out.write("|");
    }
    write_octal(out, mode & ~uint64_t{S_IFMT});
}

}  // namespace

void write_pointer(TextSink& out, uint64_t value) {
    if (value == 0) out.write("NULL");
    else format(out, "{:x}", value);
}

void write_value(TextSink& out, Kind kind, uint64_t value) {
    switch (kind) {
    case Kind::Directory:
        if (static_cast<int32_t>(value) == AT_FDCWD) return out.write("AT_FDCWD");
        [[fallthrough]];
    case Kind::Int:
    case Kind::Fd: return format(out, "{}", static_cast<int32_t>(value));
    case Kind::Unsigned: return format(out, "{}", static_cast<uint32_t>(value));
    case Kind::Long: return format(out, "{}", static_cast<int64_t>(value));
    case Kind::Size: return format(out, "{}", value);
    case Kind::Hex: return format(out, value == 0 ? "{}" : "{:x}", value);
    case Kind::Octal: return write_octal(out, value);
    case Kind::Signal: return write_signal(out, value, "SIG");
    case Kind::SignalMask: return write_mask(out, value);
    case Kind::FileMode: return write_file_mode(out, value);
    case Kind::FutexOperation: return write_futex_operation(out, value);
    default:
        if (is_names(kind)) write_names(out, kind, value);
        else write_pointer(out, value);
    }
}

void write_quoted(TextSink& out, std::span<const char> bytes, bool more) {
    constexpr std::string_view escaped = "\n\t\r\v\f\"\\", letters = "ntrvf\"\\";
    const auto is_octal_digit = [](char c) { return c >= '0' && c <= '7'; };
    out.write("\"");
    for (size_t i = 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        const auto byte = static_cast<unsigned char>(c);
        const size_t escape = escaped.find(c);
        if (escape != std::string_view::npos) {
            out.write("\\");
            out.write(letters.substr(escape, 1));
        } else if (byte >= ' ' && byte < 0x7f) {
            out.write({&c, 1});
        } else {
            // As short as the next character allows.
            const bool all_digits = i + 1 < bytes.size() && is_octal_digit(bytes[i + 1]);
            const char digits[4] = {'\\', static_cast<char>('0' + byte / 64), static_cast<char>('0' + byte / 8 % 8), static_cast<char>('0' + byte % 8)};
            const size_t skipped = all_digits || byte >= 64 ? 0 : byte >= 8 ? 1 : 2;
            out.write("\\");
            out.write({digits + 1 + skipped, 3 - skipped});
        }
    }
    out.write(more ? "\"..." : "\"");
}

void write_buffer(TextSink& out, VirtualAddress address, uint64_t size) {
    char bytes[longest_text];
    const size_t shown = std::min<uint64_t>(size, sizeof bytes);
    if (address.value == 0 || !mm::copy_from_user(bytes, address, shown).ok()) return write_pointer(out, address.value);
    write_quoted(out, {bytes, shown}, size > shown);
}

void write_string(TextSink& out, VirtualAddress address, size_t longest) {
    char bytes[longest_path + 1];
    const auto text = mm::copy_string_from_user({bytes, longest + 1}, address);
    if (text.ok()) return write_quoted(out, text.value(), false);
    if (text.error() == Error{ENAMETOOLONG}) return write_quoted(out, {bytes, longest}, true);
    write_pointer(out, address.value);
}

}  // namespace eremite::trace
